using Baremetal.Netboot.Boot;

namespace Baremetal.Netboot.Dhcp;

/// <summary>The whole DHCP server of a network (RFC 2131 §4.3): it is the only one, which the start made sure of, and so may say no.</summary>
internal sealed class AddressServer(NetworkLink link, AddressPool pool, LeaseTable leases, LeaseTerms terms)
{
    /// <param name="boot">What the machine shall load, if it is to be booted.</param>
    /// <param name="silence">Why there is no answer, when there is none.</param>
    public DhcpReply? Answer(DhcpPacket request, BootAnswer? boot, out string? silence)
    {
        silence = null;
        // A pool may be of a distant network: its machines come by a relay, or write to us themselves once they have an address.
        var network = !request.RelayAddress.IsNone ? request.RelayAddress
            : pool.IsOnNetwork(link.Address) || request.ClientAddress.IsNone ? link.Address
            : request.ClientAddress;
        if (!pool.IsOnNetwork(network))
        {
            silence = $"it comes from the network of {network}, which the pool is not of";
            return null;
        }
        return request.Message switch
        {
            DhcpMessage.Discover => Offer(request, boot, out silence),
            DhcpMessage.Request => Grant(request, boot, out silence),
            DhcpMessage.Inform => new DhcpReply(DhcpMessage.Ack) { Terms = terms with { Time = null }, Boot = boot },
            DhcpMessage.Release => Release(request, out silence),
            DhcpMessage.Decline => Decline(request, out silence),
            _ => Nothing(out silence, $"{request.Message} is for clients"),
        };
    }

    private DhcpReply? Offer(DhcpPacket request, BootAnswer? boot, out string? silence)
    {
        silence = null;
        return leases.Offer(request.Mac, request.RequestedAddress) is { } address
            ? new DhcpReply(DhcpMessage.Offer) { YourAddress = address, Terms = terms, Boot = boot }
            : Nothing(out silence, $"all {pool.Size} addresses of the pool are in use; make it larger or the lease time shorter");
    }

    /// <summary>
    /// RFC 2131 §4.3.2: SELECTING names a server, INIT-REBOOT an address, RENEWING and REBINDING hold one. For an address that we know nothing of the
    /// RFC wants silence, in case another server does; here there is none, and an answer heals a lost lease file at once.
    /// </summary>
    private DhcpReply? Grant(DhcpPacket request, BootAnswer? boot, out string? silence)
    {
        silence = null;
        if (!request.ServerIdentifier.IsNone && request.ServerIdentifier != link.Address)
        {
            leases.ChoseAnother(request.Mac);
            return Nothing(out silence, $"it chose the server {request.ServerIdentifier}");
        }
        var address = request.ClientAddress.IsNone ? request.RequestedAddress : request.ClientAddress;
        if (address.IsNone)
            return Nothing(out silence, "it names no address");
        return leases.Grant(request.Mac, address) is { } reason
            ? new DhcpReply(DhcpMessage.Nak) { Reason = reason }
            : new DhcpReply(DhcpMessage.Ack) { YourAddress = address, Terms = terms, Boot = boot };
    }

    private DhcpReply? Release(DhcpPacket request, out string? silence)
    {
        leases.Release(request.Mac, request.ClientAddress);
        return Nothing(out silence, $"{request.ClientAddress} is free");
    }

    private DhcpReply? Decline(DhcpPacket request, out string? silence) => Nothing(out silence, leases.Decline(request.Mac, request.RequestedAddress)
        ? $"another machine uses {request.RequestedAddress} without asking; it is left alone for a while"
        : "it declines what it was not given");

    private static DhcpReply? Nothing(out string? silence, string why)
    {
        silence = why;
        return null;
    }
}
