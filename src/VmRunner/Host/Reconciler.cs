using System.Collections.Concurrent;
using Baremetal.Api;

namespace Baremetal.VmRunner.Host;

/// <summary>All VMs of a host: a keeper for each, woken by orders and by what happens to their containers.</summary>
internal sealed class Reconciler : IDisposable
{
    // A VM that ends is noticed this soon.
    private static readonly TimeSpan _lookEvery = TimeSpan.FromSeconds(3);

    // What a conductor takes in one report.
    private const int MostVms = 1000;

    private readonly HostWorld _world;
    private readonly ConcurrentDictionary<string, VmKeeper> _keepers = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Task> _running = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _changed = new(0);
    private CancellationToken _cancel;

    public Reconciler(HostSettings settings, RunnerIdentityFile identity, Engine engine, BaseImage baseImage, HostLog log, TimeProvider time, string bootId)
    {
        Networks = new NetworkPlan(engine, () => _keepers.Values.Select(keeper => keeper.Record.Address));
        _world = new HostWorld(settings, engine, new Containers(engine), new VmImages(engine, settings.State, log), new OwnRegistry(settings.State, identity), baseImage, Networks, log, time, bootId, new SemaphoreSlim(4));
    }

    public NetworkPlan Networks { get; }

    /// <summary>Of the orders that were taken up last; -1 for none.</summary>
    public long Revision { get; private set; } = -1;

    /// <summary>The container of a VM, where it has one.</summary>
    public ContainerView? ContainerOf(string vm) => _keepers.GetValueOrDefault(vm)?.Seen;

    public VmReport[] Reports() => [.. _keepers.Values.OrderBy(keeper => keeper.Id, StringComparer.Ordinal).Select(keeper => keeper.Report()).Take(MostVms)];

    /// <summary>Until something changed that a report tells, or the time is over.</summary>
    public async Task<bool> ChangedAsync(TimeSpan within, CancellationToken cancel)
    {
        var changed = await _changed.WaitAsync(within, cancel);
        while (_changed.Wait(0, CancellationToken.None))
        {
            // One report tells all of it.
        }
        return changed;
    }

    public void Take(RunnerOrders orders)
    {
        foreach (var order in orders.Vms.Take(MostVms))
        {
            if (order is not { Id: { } id, Spec: { Name: not null, Image: not null } } || !VmFolder.IsId(id))
                _world.Log.SayOnce("order", $"The conductor ordered a VM that cannot be one ({order?.Id}); it is left out.");
            else if (_keepers.GetValueOrDefault(order.Id) is { } keeper)
                keeper.Take(order);
            else
                Add(new VmRecord(order, VmState.Pending, _world.Time.GetUtcNow(), Addresses.NewMac()));
        }
        var ordered = orders.Vms.Select(order => order.Id).ToHashSet(StringComparer.Ordinal);
        foreach (var keeper in _keepers.Values.Where(keeper => !ordered.Contains(keeper.Id)))
        {
            if (keeper.IsGone && _keepers.TryRemove(keeper.Id, out _))
                _running.TryRemove(keeper.Id, out _);
            else if (!keeper.IsGone)
                _world.Log.SayOnce($"{keeper.Id} unknown", $"The conductor knows nothing of VM {keeper.Record.Order.Spec.Name} ({keeper.Id}); it stays as it is.");
        }
        Revision = orders.Revision;
        _changed.Release();
    }

    /// <summary>Takes up the VMs on record, and keeps all of them until it is cancelled. They live on.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        _cancel = cancel;
        foreach (var record in VmFolder.ReadAll(_world.Settings.State, _world.Log))
            Add(record);
        try
        {
            while (true)
            {
                await Task.Delay(_lookEvery, _world.Time, cancel);
                await LookAsync(cancel);
                // A fault of ours: the service ends with it and is started again, rather than forget a VM.
                if (_running.Values.FirstOrDefault(keeping => keeping.IsFaulted) is { } faulted)
                    await faulted;
            }
        }
        finally
        {
            // Calls to the engine that began are ended: half a container would be left.
            await Task.WhenAll(_running.Values);
        }
    }

    public void WakeAll()
    {
        foreach (var keeper in _keepers.Values)
            keeper.Wake();
    }

    public void Dispose()
    {
        foreach (var keeper in _keepers.Values)
            keeper.Dispose();
        _world.Images.Dispose();
        _world.Acts.Dispose();
        Networks.Dispose();
        _changed.Dispose();
    }

    private async Task LookAsync(CancellationToken cancel)
    {
        try
        {
            var containers = await _world.Containers.ListAsync(cancel);
            foreach (var keeper in _keepers.Values)
            {
                if (keeper.Seen != containers.GetValueOrDefault(keeper.Id))
                    keeper.Wake();
            }
            _world.Log.Forget("engine");
        }
        catch (EngineException e)
        {
            _world.Log.SayOnce("engine", e.Message);
        }
    }

    private void Add(VmRecord record)
    {
        var keeper = new VmKeeper(record, _world, () => _changed.Release());
        if (_keepers.TryAdd(record.Id, keeper))
            _running[record.Id] = Task.Run(() => KeepAsync(keeper));
    }

    private async Task KeepAsync(VmKeeper keeper)
    {
        try
        {
            await keeper.RunAsync(_cancel);
        }
        catch (OperationCanceledException) when (_cancel.IsCancellationRequested)
        {
            // The service ends; the VM does not.
        }
    }
}
