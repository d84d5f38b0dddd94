namespace Baremetal.Netboot.Dhcp;

/// <summary>The addresses to give, and those that belong to someone.</summary>
/// <param name="Mask">Of the network that the pool lies in; requests from other networks are not ours to answer.</param>
/// <param name="Taken">Addresses within the range that are never given: our own, the gateway's.</param>
/// <param name="Reservations">Addresses of single machines; they may lie outside the range, not outside the network.</param>
internal sealed record AddressPool(Ipv4 First, Ipv4 Last, Ipv4 Mask, IReadOnlySet<Ipv4> Taken, IReadOnlyDictionary<MacAddress, Ipv4> Reservations)
{
    private readonly HashSet<Ipv4> reserved = [.. Reservations.Values];

    public uint Size => Last.Value - First.Value + 1;

    /// <summary>Whether an address is of the pool's network.</summary>
    public bool IsOnNetwork(Ipv4 address) => (address.Value & Mask.Value) == (First.Value & Mask.Value);

    /// <summary>Whether this machine, and not only some machine, may have the address.</summary>
    public bool MayHave(MacAddress mac, Ipv4 address) =>
        Reservations.TryGetValue(mac, out var own) ? address == own : IsFree(address);

    /// <summary>Every address for machines without a reservation, from a place that is the same for one machine each time.</summary>
    public IEnumerable<Ipv4> From(MacAddress mac)
    {
        Span<byte> bytes = stackalloc byte[MacAddress.Length];
        mac.CopyTo(bytes);
        uint start = 0;
        foreach (var part in bytes)
            start = (start * 31) + part;
        return All(start % Size);

        IEnumerable<Ipv4> All(uint start)
        {
            for (uint i = 0; i < Size; i++)
            {
                var address = new Ipv4(First.Value + (start + i) % Size);
                if (IsFree(address))
                    yield return address;
            }
        }
    }

    private bool IsFree(Ipv4 address) => address >= First && address <= Last && !Taken.Contains(address) && !reserved.Contains(address);
}
