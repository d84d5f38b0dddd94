namespace Baremetal.Netboot.Dhcp;

/// <summary>What a client learns about the network with its address.</summary>
/// <param name="Time">For how long; null in the answer to INFORM, whose sender has its address from elsewhere.</param>
internal sealed record LeaseTerms(Ipv4 Mask, Ipv4? Gateway, IReadOnlyList<Ipv4> DnsServers, TimeSpan? Time)
{
    public string? HostName { get; init; }

    public string? DomainName { get; init; }

    /// <summary>In bytes; null leaves it to the client.</summary>
    public int? Mtu { get; init; }

    /// <summary>Beyond the client's own network; with a router of 0.0.0.0 the destination is on the link itself (RFC 3442).</summary>
    public IReadOnlyList<LeaseRoute> Routes { get; init; } = [];

    public void AddTo(ref DhcpWriter packet)
    {
        if (Time is { } time)
        {
            _ = packet.TryAdd(DhcpOption.LeaseTime, time);
            // RFC 2131 §4.4.5's own defaults, said aloud for clients that forgot them.
            _ = packet.TryAdd(DhcpOption.RenewalTime, time * 0.5);
            _ = packet.TryAdd(DhcpOption.RebindingTime, time * 0.875);
        }
        _ = packet.TryAdd(DhcpOption.SubnetMask, Mask);
        if (Gateway is { } gateway)
            _ = packet.TryAdd(DhcpOption.Router, gateway);
        if (DnsServers.Count > 0)
            _ = packet.TryAdd(DhcpOption.DomainNameServer, Joined(DnsServers));
        if (Routes.Count > 0)
            _ = packet.TryAdd(DhcpOption.ClasslessRoutes, [.. Routes.SelectMany(route => route.ToBytes())]);
        if (Mtu is { } mtu)
            _ = packet.TryAdd(DhcpOption.InterfaceMtu, [(byte)(mtu >> 8), (byte)mtu]);
        if (HostName is not null)
            _ = packet.TryAdd(DhcpOption.HostName, HostName);
        if (DomainName is not null)
            _ = packet.TryAdd(DhcpOption.DomainName, DomainName);
    }

    private static byte[] Joined(IReadOnlyList<Ipv4> addresses)
    {
        var bytes = new byte[addresses.Count * Ipv4.Length];
        for (var i = 0; i < addresses.Count; i++)
            addresses[i].CopyTo(bytes.AsSpan(i * Ipv4.Length));
        return bytes;
    }
}
