using System.Globalization;
using Baremetal.Api;

namespace Baremetal.VmRunner.Host;

/// <summary>What all keepers of a host share.</summary>
/// <param name="BootId">Of the host, from its kernel.</param>
/// <param name="Acts">How many containers are made and started at once.</param>
internal sealed record HostWorld(HostSettings Settings, Engine Engine, Containers Containers, VmImages Images, OwnRegistry Registry, BaseImage Base, NetworkPlan Networks, HostLog Log, TimeProvider Time, string BootId, SemaphoreSlim Acts);

/// <summary>Keeps one VM as it is ordered: looks, decides (<see cref="Decision"/>), acts, and looks again. What it waits for holds up no other VM.</summary>
internal sealed class VmKeeper(VmRecord first, HostWorld world, Action changed) : IDisposable
{
    private readonly VmFolder _folder = new(world.Settings.State, first.Id);
    private readonly SemaphoreSlim _wake = new(1);
    private readonly Backoff _backoff = new(world.Time);
    private readonly Lock _gate = new();

    private VmRecord _record = first;
    private VmOrder _ordered = first.Order;
    private long _countedEnd = -1;
    private volatile bool _isGone;
    private volatile ContainerView? _seen;
    private CancellationTokenSource? _fetching;

    public string Id { get; } = first.Id;

    public bool IsGone => _isGone;

    /// <summary>What its container was when it was last looked at.</summary>
    public ContainerView? Seen => _seen;

    public VmRecord Record
    {
        get
        {
            lock (_gate)
                return _record;
        }
    }

    public VmReport Report()
    {
        var now = Record;
        var cause = now.Cause is { Length: > VmReport.LongestCause } long_ ? long_[..VmReport.LongestCause] : now.Cause;
        return new VmReport(
            now.Id, IsTried(now) ? now.Order.Run : now.StartedRun, now.State, now.Since, cause, now.ExitCode, now.ImageDigest, now.Address, now.Mac, now.State == VmState.Running ? world.Settings.Accelerator : null, IsGone);
    }

    private static bool IsTried(VmRecord now) => now.Order.Target == VmTarget.Running && now.State is VmState.Pulling or VmState.Starting or VmState.Failed;

    /// <summary>Takes up an order; what is under way ends first.</summary>
    public void Take(VmOrder order)
    {
        lock (_gate)
        {
            if (order.Run == _ordered.Run && order.Target == _ordered.Target && order.Spec.Name == _ordered.Spec.Name)
                return;
            if (order.Run != _ordered.Run || order.Target != _ordered.Target)
                _backoff.Reset();
            _ordered = order;
            // What is fetched may not be wanted any more.
            _fetching?.Cancel();
        }
        Wake();
    }

    public void Wake()
    {
        lock (_wake)
        {
            if (_wake.CurrentCount == 0)
                _wake.Release();
        }
    }

    /// <summary>Until it is gone, or cancelled: then the VM stays as it is.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        while (!IsGone)
        {
            var pause = await StepAsync(cancel);
            if (pause != TimeSpan.Zero && !IsGone)
                await _wake.WaitAsync(pause, cancel);
            cancel.ThrowIfCancellationRequested();
        }
    }

    public void Dispose() => _wake.Dispose();

    /// <returns>How long there is nothing to do unless something happens.</returns>
    private async Task<TimeSpan> StepAsync(CancellationToken cancel)
    {
        VmAction? action = null;
        try
        {
            TakeUpOrder();
            var container = _seen = await world.Containers.LookAsync(Id, cancel);
            var decision = Decision.Next(Record, container, world.BootId, world.Base.Id);
            action = decision.Action;
            if (decision.MayPass && _countedEnd != container!.StartedAt)
            {
                _countedEnd = container.StartedAt;
                await EndedAsync(container, cancel);
            }
            if (decision.Action == VmAction.Rest)
                return await RestAsync(decision, container, cancel);
            if (decision.Action is not (VmAction.Stop or VmAction.Delete) && _backoff.Left is { Ticks: > 0 } left)
                return left;
            await ActAsync(decision, container, cancel);
            return TimeSpan.Zero;
        }
        catch (VmRefusedException e)
        {
            Change(record => record with { State = VmState.Failed, Cause = e.Message, FailedRun = record.Order.Run });
            Keep();
            world.Log.SayOnce(Id, $"VM {Name}: {e.Message}");
            return Timeout.InfiniteTimeSpan;
        }
        catch (Exception e) when (e is EngineException or IOException or UnauthorizedAccessException)
        {
            return Failed(action, e.Message);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // A fault of ours that one VM brings out keeps the others from nothing.
            world.Log.Say($"VM {Name}: {e}");
            return Failed(action, $"A fault of vm-runner: {e.Message}");
        }
    }

    private string Name => _ordered.Spec.Name;

    private void TakeUpOrder()
    {
        lock (_gate)
        {
            if (ReferenceEquals(_record.Order, _ordered))
                return;
            // It shall run again: what it ended with before says nothing any more.
            var isNew = _record.Order.Run != _ordered.Run && _ordered.Target == VmTarget.Running;
            _record = isNew ? _record with { Order = _ordered, Cause = null, ExitCode = null, State = _record.State == VmState.Failed ? VmState.Pending : _record.State } : _record with { Order = _ordered };
        }
        Keep();
    }

    private async Task<TimeSpan> RestAsync(Decision decision, ContainerView? container, CancellationToken cancel)
    {
        var now = Record;
        switch (decision.State)
        {
            case VmState.Running:
                _backoff.Well();
                Become(VmState.Running, null);
                break;
            case VmState.Failed when now.FailedRun != now.Order.Run:
                var words = await world.Containers.LastWordsAsync(container!.Id, cancel);
                Change(record => record with { State = VmState.Failed, FailedRun = record.Order.Run, ExitCode = container.ExitCode, Cause = words.Length > 0 ? words : decision.Cause });
                world.Log.SayOnce(Id, $"VM {Name} failed (exit code {container.ExitCode}): {Record.Cause}");
                break;
            case VmState.Stopped:
                Change(record => record with { State = VmState.Stopped, Cause = null, ExitCode = container?.ExitCode ?? record.ExitCode });
                break;
            case VmState.Failed:
                break;
            default:
                Become(decision.State, decision.Cause);
                break;
        }
        Keep();
        return Timeout.InfiniteTimeSpan;
    }

    private async Task EndedAsync(ContainerView container, CancellationToken cancel)
    {
        var words = await world.Containers.LastWordsAsync(container.Id, cancel);
        var pause = _backoff.Failed();
        var cause = string.Create(CultureInfo.InvariantCulture, $"It ended by itself with exit code {container.ExitCode} and is started again{After(pause)}. {words}").TrimEnd();
        Change(record => record with { State = VmState.Failed, Cause = cause, ExitCode = container.ExitCode });
        Keep();
        world.Log.Say($"VM {Name}: {cause}");
    }

    private TimeSpan Failed(VmAction? action, string why)
    {
        var pause = _backoff.Failed();
        var cause = $"{why} Tried again{After(pause)}.";
        Change(record => record with
        {
            Cause = cause,
            State = action is VmAction.Stop or VmAction.Delete ? record.State : record.Order.Target == VmTarget.Running && record.State != VmState.Running ? VmState.Failed : record.State,
        });
        Keep();
        world.Log.SayOnce(Id, $"VM {Name}: {why} It is tried again.");
        return pause;
    }

    private static string After(TimeSpan pause) => string.Create(CultureInfo.InvariantCulture, $" in {Math.Max(1, pause.TotalSeconds):0} s");

    private async Task ActAsync(Decision decision, ContainerView? container, CancellationToken cancel)
    {
        switch (decision.Action)
        {
            case VmAction.Pull:
                await FetchAsync(cancel);
                break;
            case VmAction.Create:
                Become(VmState.Starting, null);
                await BoundedAsync(CreateAsync, cancel);
                break;
            case VmAction.Recreate:
                world.Log.Say($"VM {Name} is put around the new base image.");
                await world.Engine.RunAsync(Engine.Short, CancellationToken.None, "rm", "--volumes", container!.Id);
                break;
            case VmAction.Start:
                await BoundedAsync(_ => StartAsync(container!), cancel);
                break;
            case VmAction.Stop:
                Become(Record.Order.Target == VmTarget.Deleted ? VmState.Deleting : VmState.Stopping, null);
                var patience = Record.Order.Spec.StopSeconds + ContainerPlan.PatienceSeconds;
                await world.Engine.RunAsync(TimeSpan.FromSeconds(patience) + Engine.Short, CancellationToken.None, "stop", "--time", patience.ToString(CultureInfo.InvariantCulture), container!.Id);
                break;
            case VmAction.Delete:
                Become(VmState.Deleting, null);
                if (container is not null)
                    await world.Engine.RunAsync(Engine.Short, CancellationToken.None, "rm", "--force", "--volumes", container.Id);
                _folder.Delete();
                _isGone = true;
                world.Log.Say($"VM {Name} is deleted, with its disk.");
                world.Log.Forget(Id);
                changed();
                break;
        }
    }

    private async Task FetchAsync(CancellationToken cancel)
    {
        using var fetching = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        lock (_gate)
        {
            if (!ReferenceEquals(_record.Order, _ordered))
                return;
            _fetching = fetching;
        }
        try
        {
            // The guest's disk lies over the image that it was made from, and over no other.
            var name = Record.Order.OwnImage is { } own ? world.Registry.NameOf(own)
                : Record.ImageDigest is { } pinned ? ImageReference.Pinned(Record.Order.Spec.Image, pinned)
                : Record.Order.Spec.Image;
            var certificates = Record.Order.OwnImage is null ? null : world.Registry.WriteCertificates();
            var image = await world.Images.GetAsync(name, certificates, () => Become(VmState.Pulling, null), fetching.Token);
            Require(image.Options);
            Change(record => record with { ImageId = image.Id, ImageDigest = image.Digest });
            KeepOrThrow();
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            // Another order has come.
        }
        finally
        {
            lock (_gate)
                _fetching = null;
        }
    }

    private async Task CreateAsync(CancellationToken cancel)
    {
        var baseImage = world.Base.Id ?? throw new EngineException("The containers' base image is not there: 'vm-runner preflight' says why.");
        var options = await world.Images.OptionsAsync(Record.ImageId!, cancel);
        if (options is null)
        {
            // Somebody removed it from the engine. It is the same one that has to come back.
            Change(record => record with { ImageId = null });
            return;
        }
        Require(options);
        if (Record.Address is null)
        {
            var address = Record.Order.Spec.Address ?? await world.Networks.ReserveAsync(Id, Record.Order.Spec.Network ?? world.Settings.Network, cancel);
            Change(record => record with { Address = address });
        }
        KeepOrThrow();
        _folder.Prepare();
        MetaFolder.Write(_folder.Meta, Record.Order);
        await world.Engine.RunAsync(Engine.Short, CancellationToken.None, ContainerPlan.Create(Record, _folder, options, baseImage, world.Settings));
    }

    private async Task StartAsync(ContainerView container)
    {
        // The engine tells whole seconds: two starts in one would look like one.
        while (world.Time.GetUtcNow().ToUnixTimeSeconds() is var second && second == container.StartedAt)
            await Task.Delay(TimeSpan.FromMilliseconds(100), world.Time);
        var neverRan = Record.StartedRun == 0;
        Change(record => record with { State = VmState.Starting, StartedRun = record.Order.Run, StartedAfter = container.StartedAt, BootId = world.BootId, Cause = null, ExitCode = null });
        KeepOrThrow();
        try
        {
            await world.Engine.RunAsync(Engine.Short, CancellationToken.None, "start", container.Id);
            world.Log.Say($"VM {Name} is started ({Record.Address}, run {Record.StartedRun}).");
            world.Log.Forget(Id);
        }
        catch (EngineException e) when (neverRan && Record.Order.Spec.Address is null && NetworkPlan.IsTaken(e))
        {
            // A container that is none of ours was there first; the next one, then.
            world.Networks.Refuse(Record.Address!);
            await world.Engine.RunAsync(Engine.Short, CancellationToken.None, "rm", "--volumes", container.Id);
            Change(record => record with { Address = null, StartedRun = 0 });
            Keep();
        }
    }

    private void Require(ImageOptions options)
    {
        if (ContainerPlan.Fault(Record.Order.Spec, options) is { } fault)
            throw new VmRefusedException(fault);
    }

    private async Task BoundedAsync(Func<CancellationToken, Task> act, CancellationToken cancel)
    {
        await world.Acts.WaitAsync(cancel);
        try
        {
            await act(cancel);
        }
        finally
        {
            world.Acts.Release();
        }
    }

    private void Become(VmState state, string? cause) => Change(record => record with { State = state, Cause = cause });

    private void Change(Func<VmRecord, VmRecord> change)
    {
        lock (_gate)
        {
            var next = change(_record);
            if (next == _record)
                return;
            _record = next.State == _record.State ? next : next with { Since = world.Time.GetUtcNow() };
        }
        changed();
    }

    private void KeepOrThrow() => _folder.Write(Record);

    // What is only told can be told again.
    private void Keep()
    {
        try
        {
            _folder.Write(Record);
            world.Log.Forget($"{Id} record");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            world.Log.SayOnce($"{Id} record", $"The record of VM {Name} cannot be written: {e.Message} Make room in {world.Settings.State.Root}.");
        }
    }
}
