using Baremetal.Api;
using Baremetal.VmRunner.Supervisor;

namespace Baremetal.VmRunner.Host;

/// <summary>A VM's container, as the engine tells it.</summary>
/// <param name="Id">The engine's.</param>
/// <param name="Image">Which image it runs: the base that it was made from.</param>
/// <param name="IsRunning">Its first process lives.</param>
/// <param name="StartedAt">In seconds since 1970; changes with each start.</param>
/// <param name="ExitCode">Of the last end.</param>
internal sealed record ContainerView(string Id, string Image, bool IsRunning, long StartedAt, int ExitCode);

/// <summary>What is to be done for a VM next.</summary>
internal enum VmAction
{
    /// <summary>Nothing: it is as it shall be, or as it will stay. <see cref="Decision.State"/> says how.</summary>
    Rest,

    /// <summary>Get its image, look through it, and remember which one it was.</summary>
    Pull,

    /// <summary>Make its container.</summary>
    Create,

    /// <summary>Make its container anew, around the same disk: the base has changed since.</summary>
    Recreate,
    Start,
    Stop,

    /// <summary>Remove its container and its folder.</summary>
    Delete,
}

/// <param name="Action">What to do.</param>
/// <param name="State">What the VM is said to be meanwhile.</param>
/// <param name="Cause">Why it is so, where that is to be said.</param>
/// <param name="MayPass">It failed, and will be tried again.</param>
internal sealed record Decision(VmAction Action, VmState State, string? Cause = null, bool MayPass = false)
{
    /// <param name="record">What this host knows.</param>
    /// <param name="container">What the engine says; null: there is none.</param>
    /// <param name="bootId">The host's now.</param>
    /// <param name="baseImage">Which base new containers are made from; null while it is not known.</param>
    public static Decision Next(VmRecord record, ContainerView? container, string bootId, string? baseImage) => record.Order.Target switch
    {
        VmTarget.Deleted => container is { IsRunning: true } ? new(VmAction.Stop, VmState.Deleting) : new(VmAction.Delete, VmState.Deleting),
        VmTarget.Stopped => container is { IsRunning: true } ? new(VmAction.Stop, VmState.Stopping) : new(VmAction.Rest, VmState.Stopped),
        _ when container is { IsRunning: true } => record.StartedRun == record.Order.Run ? new(VmAction.Rest, VmState.Running) : new(VmAction.Stop, VmState.Stopping),
        _ when record.FailedRun == record.Order.Run => new(VmAction.Rest, VmState.Failed, record.Cause),
        // It was seen to end, which neither a restart of the host nor the loss of its container makes undone.
        _ when record.StartedRun == record.Order.Run && record.State == VmState.Stopped => new(VmAction.Rest, VmState.Stopped),
        _ when HasEnded(record, container, bootId) => Ended(record, container!, baseImage),
        _ => ToStart(record, container, baseImage),
    };

    // It was started under this number, the engine saw that start, and its end was not the host's.
    private static bool HasEnded(VmRecord record, ContainerView? container, string bootId) =>
        container is not null && record.StartedRun == record.Order.Run && container.StartedAt != record.StartedAfter && record.BootId == bootId;

    private static Decision Ended(VmRecord record, ContainerView container, string? baseImage) => container.ExitCode switch
    {
        ExitCodes.Done => new(VmAction.Rest, VmState.Stopped),
        >= ExitCodes.NoDisk and <= ExitCodes.NoNetwork or ExitCodes.RefusedOption => new(VmAction.Rest, VmState.Failed, "its container refused it"),
        _ => ToStart(record, container, baseImage) with { Cause = "it ended by itself", MayPass = true },
    };

    private static Decision ToStart(VmRecord record, ContainerView? container, string? baseImage) =>
        record.ImageId is null ? new(VmAction.Pull, VmState.Pulling)
        : baseImage is null ? new(VmAction.Rest, VmState.Pending, "the containers' base image is not there: 'vm-runner preflight' says why")
        : container is null ? new(VmAction.Create, VmState.Starting)
        : container.Image != baseImage ? new(VmAction.Recreate, VmState.Starting)
        : new(VmAction.Start, VmState.Starting);
}
