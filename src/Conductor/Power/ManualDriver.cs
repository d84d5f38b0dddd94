using Baremetal.Api;

namespace Baremetal.Conductor.Power;

/// <summary>No controller: an operator presses the buttons, and the job waits for what comes of it.</summary>
/// <param name="silence">Why the machine may find nobody who boots it, for whoever stands before it.</param>
internal sealed class ManualDriver(string node, string? silence) : IPowerDriver
{
    public Task<PowerState> GetStateAsync(CancellationToken cancel) => Task.FromResult(PowerState.Unknown);

    public Task SetAsync(PowerTarget target, CancellationToken cancel) =>
        throw new PowerException($"Node {node} has no power controller (driver manual).", $"Switch it {target.ToString().ToLowerInvariant()} by hand.", again: false);

    public Task<NetworkBoot> BootFromNetworkAsync(NetworkStart start, CancellationToken cancel) =>
        Task.FromResult(new NetworkBoot(OffAt: null, $"an operator to start node {node} from the network: switch it on (or restart it) and choose network boot in its boot menu{(silence is null ? "" : $"; {silence}")}"));
}
