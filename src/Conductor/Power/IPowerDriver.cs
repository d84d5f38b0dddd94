using Baremetal.Api;

namespace Baremetal.Conductor.Power;

/// <summary>
/// What switches one machine. Everything is asked of the machine when it is needed and nothing remembered: others have hands on it too.
/// What goes wrong is a <see cref="PowerException"/>.
/// </summary>
public interface IPowerDriver
{
    Task<PowerState> GetStateAsync(CancellationToken cancel);

    /// <summary>Returns when the machine is in the state that was asked for, and says so itself; where nothing could say so, when the order is sent.</summary>
    Task SetAsync(PowerTarget target, CancellationToken cancel);

    /// <summary>Starts the machine anew, from the network for this one time. It may be done twice: the second time starts it once more.</summary>
    Task<NetworkBoot> BootFromNetworkAsync(NetworkStart start, CancellationToken cancel);
}

/// <summary>What came of a start from the network.</summary>
/// <param name="OffAt">A moment at which the machine was off for certain: what ran on it before does not run any more.</param>
/// <param name="ByHand">What is left for an operator to do; null when the machine is starting.</param>
public sealed record NetworkBoot(DateTimeOffset? OffAt, string? ByHand = null);

/// <summary>A power controller did not do what it was asked.</summary>
/// <param name="cause">Names the controller and what it answered, as a sentence.</param>
/// <param name="again">Whether the same call may succeed a little later.</param>
public sealed class PowerException(string cause, string remedy, bool again, Exception? inner = null) : Exception($"{cause} {remedy}", inner)
{
    public string Cause { get; } = cause;

    public string Remedy { get; } = remedy;

    public bool Again { get; } = again;
}
