using System.Collections.Concurrent;

namespace Baremetal.VmRunner.Host;

/// <summary>Which address of the engine's networks is whose.</summary>
/// <param name="held">Those of the VMs on record.</param>
internal sealed class NetworkPlan(Engine engine, Func<IEnumerable<string?>> held) : IDisposable
{
    private readonly ConcurrentDictionary<string, bool> _refused = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, string> _reserved = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _one = new(1);

    /// <summary>Whether the engine says that an address is another container's.</summary>
    public static bool IsTaken(EngineException e) => e.Message.Contains("already allocated", StringComparison.Ordinal) || e.Message.Contains("already in use", StringComparison.Ordinal) && e.Message.Contains("ip", StringComparison.OrdinalIgnoreCase);

    public async Task<EngineNetwork[]> ListAsync(CancellationToken cancel) => await engine.ReadAsync(EngineJson.Default.EngineNetworkArray, cancel, "network", "ls", "--format", "json");

    /// <summary>An address for a VM that has none.</summary>
    public async Task<string> ReserveAsync(string vm, string network, CancellationToken cancel)
    {
        await _one.WaitAsync(cancel);
        try
        {
            var networks = await ListAsync(cancel);
            var chosen = Array.Find(networks, one => one.Name == network)
                ?? throw new VmRefusedException(new Trust.Rejection($"This runner has no network {network}.", $"It has {string.Join(", ", networks.Select(one => one.Name))}; 'podman network create' there makes another."));
            var taken = held().OfType<string>().Concat(_refused.Keys).Concat(_reserved.Values).Concat((chosen.Subnets ?? []).Select(one => one.Gateway).OfType<string>()).ToHashSet(StringComparer.Ordinal);
            var address = (chosen.Subnets ?? []).Select(subnet => Addresses.Free(subnet.Subnet, taken)).FirstOrDefault(one => one is not null)
                ?? throw new VmRefusedException(new Trust.Rejection($"The network {network} has no IPv4 address left for another VM.", "Delete VMs, or make a larger network with 'podman network create --subnet'."));
            _reserved[vm] = address;
            return address;
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>The engine would not give it.</summary>
    public void Refuse(string address) => _refused[address] = true;

    public void Dispose() => _one.Dispose();
}
