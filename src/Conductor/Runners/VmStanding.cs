using Baremetal.Api;

namespace Baremetal.Conductor.Runners;

/// <summary>
/// How a VM is said to be: as its runner last reported it, unless that is older than what was asked for since. Whoever waits for a restart must not be told
/// that it runs because it still does.
/// </summary>
internal static class VmStanding
{
    public static (VmState State, DateTimeOffset Since, string? Cause) Of(VmRow vm, RunnerRow runner, bool isLost)
    {
        var since = vm.Since ?? vm.Created;
        if (isLost)
        {
            return vm.Target == VmTarget.Deleted
                ? (VmState.Deleting, since, $"It waits for runner {runner.Name}, which has said nothing since {runner.LastSeen.UtcDateTime:u}; 'conductor vm delete --force' forgets it.")
                : (VmState.Unknown, runner.LastSeen, $"Its runner {runner.Name} has said nothing since {runner.LastSeen.UtcDateTime:u}.");
        }
        if (vm.Target == VmTarget.Deleted)
            return (VmState.Deleting, since, vm.Cause);
        if (vm.State is not { } state)
            return (VmState.Pending, vm.Created, null);
        var isTakenUp = runner.ReportedRevision >= vm.OrderRevision;
        return vm.Target switch
        {
            // A start that failed before it was one may have kept the number of the last.
            VmTarget.Running when vm.ReportedRun < vm.Run && !(isTakenUp && state == VmState.Failed) => (Beginning(state), since, isTakenUp ? vm.Cause : null),
            VmTarget.Stopped when state is VmState.Running => (VmState.Stopping, since, null),
            _ => (state, since, vm.Cause),
        };
    }

    private static VmState Beginning(VmState reported) => reported is VmState.Pulling or VmState.Stopping or VmState.Pending ? reported : VmState.Starting;
}
