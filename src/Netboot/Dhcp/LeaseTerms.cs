namespace Baremetal.Netboot.Dhcp;

/// <summary>What a client learns about the network with its address.</summary>
/// <param name="Time">For how long; null in the answer to INFORM, whose sender has its address from elsewhere.</param>
internal sealed record LeaseTerms(Ipv4 Mask, Ipv4? Gateway, IReadOnlyList<Ipv4> DnsServers, TimeSpan? Time)
{
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
        if (DnsServers.Count == 0)
            return;
        Span<byte> servers = stackalloc byte[DnsServers.Count * Ipv4.Length];
        for (var i = 0; i < DnsServers.Count; i++)
            DnsServers[i].CopyTo(servers[(i * Ipv4.Length)..]);
        _ = packet.TryAdd(DhcpOption.DomainNameServer, servers);
    }
}
