using Baremetal.Api;
using Baremetal.Api.Client;
using Baremetal.Cli.Display;
using Baremetal.Trust;

namespace Baremetal.Cli.Vms;

/// <summary>Waits until a VM is what was asked for, across restarts of the conductor, or until it is clear that it will not be.</summary>
internal static class VmFollower
{
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);

    // Each takes some seconds of the client's own patience: as long as a conductor may take to come back.
    private const int MostAbsences = 60;

    /// <summary>What the command answers with: at once, or when it is so.</summary>
    public static async Task<int> EndAsync(Invocation call, ConductorClient conductor, Vm vm, bool wait, Action<Screen, Vm> ordered, CancellationToken cancel)
    {
        if (!wait)
        {
            call.Show(vm, CliJson.Api.Vm, ordered);
            return ExitCodes.Done;
        }
        if (await FollowAsync(call, conductor, vm, cancel) is { } reached)
            call.Show(reached, CliJson.Api.Vm, VmViews.Reached);
        else if (!call.WantsJson)
            call.Out.Line($"{VmReference.Of(vm)} is deleted, and its disk.");
        return ExitCodes.Done;
    }

    /// <summary>Null: it is gone, which was what was asked for.</summary>
    private static async Task<Vm?> FollowAsync(Invocation call, ConductorClient conductor, Vm asked, CancellationToken cancel)
    {
        try
        {
            for (Vm? now = asked; ; now = await AskAsync(conductor, asked, call.Shell.Time, cancel))
            {
                if (now is null)
                    return asked.Target == VmTarget.Deleted ? null : throw new Failure(ExitCodes.Failed, new Rejection($"{VmReference.Of(asked)} was deleted by somebody else."));
                if (IsReached(now, asked.Target))
                    return now;
                if (await WhyNeverAsync(conductor, now, asked.Target, cancel) is { } why)
                    throw new Failure(ExitCodes.Failed, why);
                call.Out.Live($"{VmReference.Of(now)} is ", VmViews.StateOf(now), now.Cause is null ? "" : $": {now.Cause}");
                await Task.Delay(Tick, call.Shell.Time, cancel);
            }
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            throw new Failure(ExitCodes.Interrupted, new Rejection($"{VmReference.Of(asked)} is no longer waited for; what was asked goes on.", $"'conductor vm show {VmReference.Of(asked)}' shows how it is."));
        }
        finally
        {
            call.Out.EraseLive();
        }
    }

    private static bool IsReached(Vm vm, VmTarget target) => target switch
    {
        VmTarget.Running => vm is { State: VmState.Running, Target: VmTarget.Running },
        VmTarget.Stopped => vm is { State: VmState.Stopped, Target: VmTarget.Stopped },
        _ => false,
    };

    private static async Task<Rejection?> WhyNeverAsync(ConductorClient conductor, Vm vm, VmTarget target, CancellationToken cancel)
    {
        var name = VmReference.Of(vm);
        if (vm.Target != target)
            return new Rejection($"Somebody else asked for something else: {name} shall be {Word<VmTarget>.Of(vm.Target)}.");
        if (vm.State == VmState.Unknown || (vm.State == VmState.Deleting && await IsLostAsync(conductor, vm, cancel)))
            return new Rejection($"{name}: {vm.Cause}", "What was asked for is done when its runner is back.");
        return vm.State switch
        {
            VmState.Failed => new Rejection($"{name} failed: {vm.Cause ?? "its runner does not say why"}", $"'conductor vm logs {name}' shows what its container said."),
            VmState.Stopped => new Rejection($"{name} was started, and has ended by itself{(vm.ExitCode is { } code ? $" with {code}" : "")}.{(vm.Cause is null ? "" : $" {vm.Cause}")}", $"'conductor vm console-log {name}' shows what it said."),
            _ => null,
        };
    }

    private static async Task<bool> IsLostAsync(ConductorClient conductor, Vm vm, CancellationToken cancel) =>
        vm.Cause is not null && (await conductor.GetRunnerAsync(vm.Runner, cancel)).State == RunnerState.Lost;

    private static async Task<Vm?> AskAsync(ConductorClient conductor, Vm vm, TimeProvider time, CancellationToken cancel)
    {
        for (var left = MostAbsences; ; left--)
        {
            try
            {
                // By its id: another may be created under its name meanwhile.
                return await conductor.GetVmAsync(vm.Runner, vm.Id, cancel);
            }
            catch (ProblemException e) when (e.Problem.Status == 404)
            {
                return null;
            }
            catch (ProblemException e) when (e.Problem.Type == Problems.Unreachable && left > 1)
            {
                await Task.Delay(Tick, time, cancel);
            }
        }
    }
}
