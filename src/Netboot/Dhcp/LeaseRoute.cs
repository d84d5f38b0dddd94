namespace Baremetal.Netboot.Dhcp;

/// <summary>A route that a client is told of (RFC 3442).</summary>
internal sealed record LeaseRoute(Ipv4 Destination, int PrefixLength, Ipv4 Router)
{
    /// <summary>The prefix length, as many bytes of the destination as count, the router.</summary>
    public byte[] ToBytes()
    {
        var bytes = new byte[1 + Ipv4.Length + Ipv4.Length];
        var significant = (PrefixLength + 7) / 8;
        bytes[0] = (byte)PrefixLength;
        Destination.CopyTo(bytes.AsSpan(1));
        Router.CopyTo(bytes.AsSpan(1 + significant));
        return bytes[..(1 + significant + Ipv4.Length)];
    }
}
