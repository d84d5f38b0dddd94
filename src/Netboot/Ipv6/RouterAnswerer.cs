using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Baremetal.Netboot.Boot;
using Microsoft.Extensions.Logging;

namespace Baremetal.Netboot.Ipv6;

/// <summary>
/// iPXE configures IPv6 beside IPv4 and goes on when both have ended; on a link without a router that is 13 s later. One empty router
/// advertisement ends it. It goes to machines that boot from us and to nobody else, and not at all where a router is.
/// </summary>
internal sealed class RouterAnswerer : IDisposable
{
    /// <summary>A router may stay silent for half an hour (RFC 4861 §6.2.1, MaxRtrAdvInterval); after that it is gone.</summary>
    private static readonly TimeSpan RouterStays = TimeSpan.FromMinutes(30);

    /// <summary>We ask for routers ourselves when we start; one that is there answers within this (MIN_DELAY_BETWEEN_RAS and its delay).</summary>
    private static readonly TimeSpan FirstSilence = TimeSpan.FromSeconds(4);

    /// <summary>iPXE's first solicitation may come before its first DISCOVER tells us that it boots from us; it gives up after 13 s.</summary>
    private static readonly TimeSpan SolicitationLasts = TimeSpan.FromSeconds(15);

    private const int MostWaiting = 256;

    private readonly NetworkLink link;
    private readonly RecentBoots recent;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly Socket socket;
    private readonly byte[] advertisement;
    private readonly byte[] buffer = new byte[1500];
    private readonly Dictionary<MacAddress, (IPAddress Source, DateTimeOffset Until)> waiting = [];
    private readonly Lock gate = new();
    private DateTimeOffset silentUntil;

    /// <exception cref="SocketException">This machine or this interface has no IPv6, or the process may not.</exception>
    public RouterAnswerer(NetworkLink link, RecentBoots recent, TimeProvider time, ILogger log)
    {
        (this.link, this.recent, this.time, this.log) = (link, recent, time, log);
        advertisement = RouterAdvertisement.Empty(link.Mac);
        silentUntil = time.GetUtcNow() + FirstSilence;
        socket = Open(link);
        AskForRouters();
        recent.Noted += AnswerWaiting;
    }

    public async Task AnswerNextAsync(CancellationToken cancel)
    {
        var received = await socket.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.IPv6Any, 0), cancel);
        Hear(buffer.AsSpan(0, received.ReceivedBytes), ((IPEndPoint)received.RemoteEndPoint).Address);
    }

    public void Dispose()
    {
        recent.Noted -= AnswerWaiting;
        socket.Dispose();
    }

    private void Hear(ReadOnlySpan<byte> message, IPAddress source)
    {
        if (message is [RouterAdvertisement.Type, 0, ..] && source.IsIPv6LinkLocal)
        {
            bool known;
            lock (gate)
            {
                known = silentUntil > time.GetUtcNow() + FirstSilence;
                silentUntil = time.GetUtcNow() + RouterStays;
            }
            if (!known)
                log.RouterSeen(link.Name, source);
        }
        else if (source.IsIPv6LinkLocal && RouterSolicitation.TryParse(message, source, out var solicitation))
        {
            lock (gate)
            {
                if (waiting.Count >= MostWaiting)
                    waiting.Clear();
                waiting[solicitation.Mac] = (source, time.GetUtcNow() + SolicitationLasts);
            }
            if (recent.Contains(solicitation.Mac))
                AnswerWaiting(solicitation.Mac);
        }
    }

    private void AnswerWaiting(MacAddress mac)
    {
        (IPAddress Source, DateTimeOffset Until) asked;
        lock (gate)
            if (silentUntil > time.GetUtcNow() || !waiting.Remove(mac, out asked))
                return;
        if (asked.Until < time.GetUtcNow())
            return;
        try
        {
            socket.SendTo(advertisement, new IPEndPoint(asked.Source, 0));
            log.Advertised(mac);
        }
        catch (SocketException error)
        {
            log.PacketFailed(link.Name, error);
        }
    }

    private void AskForRouters()
    {
        var solicitation = new byte[RouterSolicitation.HeaderLength];
        solicitation[0] = RouterSolicitation.Type;
        try
        {
            socket.SendTo(solicitation, new IPEndPoint(new IPAddress(AllRouters.GetAddressBytes(), link.Index), 0));
        }
        catch (SocketException error)
        {
            // A link that came up a moment ago has no usable address of its own yet.
            log.RoutersNotAsked(link.Name, error.Message);
        }
    }

    private static IPAddress AllRouters { get; } = IPAddress.Parse("ff02::2");

    private static Socket Open(NetworkLink link)
    {
        const int SolSocket = 1, SoBindToDevice = 25, SolIcmpV6 = 58, FilterOption = 1;
        var opened = new Socket(AddressFamily.InterNetworkV6, SocketType.Raw, ProtocolType.IcmpV6);
        try
        {
            opened.SetRawSocketOption(SolSocket, SoBindToDevice, Encoding.ASCII.GetBytes(link.Name + '\0'));

            // RFC 3542 §3.2: a set bit blocks its type; these two pass.
            Span<uint> filter = stackalloc uint[8];
            filter.Fill(uint.MaxValue);
            filter[RouterSolicitation.Type / 32] &= ~(1u << (RouterSolicitation.Type % 32));
            filter[RouterAdvertisement.Type / 32] &= ~(1u << (RouterAdvertisement.Type % 32));
            opened.SetRawSocketOption(SolIcmpV6, FilterOption, MemoryMarshal.AsBytes(filter));

            // RFC 4861 §6.1: neighbours drop what could have come through a router.
            const int FromThisLink = 255;
            opened.SetSocketOption(SocketOptionLevel.IPv6, SocketOptionName.IpTimeToLive, FromThisLink);
            opened.SetSocketOption(SocketOptionLevel.IPv6, SocketOptionName.MulticastTimeToLive, FromThisLink);
            opened.SetSocketOption(SocketOptionLevel.IPv6, SocketOptionName.MulticastLoopback, false);
            opened.SetSocketOption(SocketOptionLevel.IPv6, SocketOptionName.MulticastInterface, link.Index);
            opened.SetSocketOption(SocketOptionLevel.IPv6, SocketOptionName.AddMembership, new IPv6MulticastOption(AllRouters, link.Index));
            opened.Bind(new IPEndPoint(IPAddress.IPv6Any, 0));
            return opened;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }
}
