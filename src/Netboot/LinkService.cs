using System.Net;
using System.Net.Sockets;
using Baremetal.Netboot.Boot;
using Baremetal.Netboot.Dhcp;
using Baremetal.Netboot.Ipv6;
using Baremetal.Netboot.Tftp;
using Microsoft.Extensions.Logging;

namespace Baremetal.Netboot;

/// <summary>All that is served on one network interface, for as long as it stays what it was: an interface that is made anew has a new one.</summary>
internal sealed class LinkService : IAsyncDisposable
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    private readonly NetbootOptions options;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly CancellationTokenSource stopping = new();
    private readonly List<IDisposable> open = [];
    private readonly List<Task> running = [];

    private LinkService(NetworkLink link, NetbootOptions options, TimeProvider time, ILogger log) =>
        (Link, this.options, this.time, this.log) = (link, options, time, log);

    public NetworkLink Link { get; }

    /// <summary>Returns when every port is open; in mode server after the look for other servers.</summary>
    /// <exception cref="NetbootException">It cannot be served as configured; nothing is left open.</exception>
    public static async Task<LinkService> OpenAsync(NetworkLink link, NetbootOptions options, IReadOnlyDictionary<string, ReadOnlyMemory<byte>> loaders, IBootPolicy policy, TimeProvider time, ILogger log, CancellationToken cancel)
    {
        var service = new LinkService(link, options, time, log);
        try
        {
            await service.ServeAsync(loaders, policy, cancel);
            return service;
        }
        catch (Exception error)
        {
            await service.DisposeAsync();
            if (error is SocketException)
                throw new NetbootException($"{link.Name} cannot be used: {error.Message}. Is it up, and are we root or do we have the capability CAP_NET_RAW?", error);
            throw;
        }
    }

    /// <summary>Cuts what runs, and returns when it has ended.</summary>
    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await Task.WhenAll(running);
        open.ForEach(one => one.Dispose());
        if (running.Count > 0)
            log.Stopped(Link.Name);
        stopping.Dispose();
    }

    /// <summary>In the order of a boot.</summary>
    private async Task ServeAsync(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> loaders, IBootPolicy policy, CancellationToken cancel)
    {
        var link = Link;
        var httpBase = options.HttpBase ?? $"http://{link.Address}:8080";
        var recent = new RecentBoots(time);

        var offers = Opened(new OfferListener(link));
        var sockets = Opened(new DhcpSockets(link, log));
        var addresses = options.Dhcp == DhcpMode.Server ? AddressesOf(link, options.Server!) : null;
        var dhcp = new DhcpService(link, addresses, policy, new BootUrls(httpBase), recent, log);
        var tftp = new TftpServer(link, loaders, options.Tftp, policy, time, log);
        var foreign = new ForeignServers(link, weGiveAddresses: addresses is not null, time, log);
        var tftpSocket = Opened(link.Listen(IPAddress.Any, TftpServer.Port));
        var bootServerSocket = options.Dhcp == DhcpMode.Proxy ? Opened(link.Listen(link.Address.ToIPAddress(), ProxyServer.Port)) : null;
        var routers = options.RouterAdvertisements ? OpenRouterAnswerer(link, recent) : null;

        if (options.Server is { } server && addresses is not null)
            await RefuseRivalsAsync(link, server.ProbeTime, cancel);
        Run(cancel => dhcp.AnswerNextAsync(sockets, cancel));
        if (bootServerSocket is not null)
            Run(cancel => dhcp.AnswerNextAsync(bootServerSocket, cancel));
        Run(cancel => tftp.AnswerNextAsync(tftpSocket, cancel), tftp.EndAsync);
        if (routers is not null)
            Run(routers.AnswerNextAsync);
        Run(cancel => foreign.HearNextAsync(offers, cancel));
        log.Started(link.Name, link.Address, options.Dhcp, httpBase);
    }

    private async Task RefuseRivalsAsync(NetworkLink link, TimeSpan wait, CancellationToken cancel)
    {
        log.Probing(link.Name, wait.TotalSeconds);
        if (await RivalProbe.FindAsync(link, wait, time, cancel) is { } rival)
            throw new NetbootException(
                $"Another DHCP server is on {link.Name}: {rival}. Two would give out the same addresses: use DHCP mode proxy, or switch that server off.");
    }

    private AddressServer AddressesOf(NetworkLink link, DhcpServerOptions server)
    {
        var mask = Ipv4.Mask(server.PrefixLength ?? link.PrefixLength);
        Ipv4 network = new(server.First.Value & mask.Value), broadcast = new(network.Value | ~mask.Value);
        HashSet<Ipv4> taken = [link.Address, network, broadcast, server.Gateway ?? network];
        var pool = new AddressPool(server.First, server.Last, mask, taken, server.Reservations);
        foreach (var address in server.Reservations.Values.Append(server.Last).Append(server.Gateway ?? server.First))
            if (!pool.IsOnNetwork(address))
                throw new NetbootException($"{address} is not of the pool's network {network}/{server.PrefixLength ?? link.PrefixLength}: correct the pool, the prefix length or that address.");

        try
        {
            var file = Opened(LeaseFile.Open(server.LeaseFile, out var leases, out var unreadable));
            log.LeasesRead(leases.Count, server.LeaseFile);
            if (unreadable > 0)
                log.LeasesUnreadable(unreadable, server.LeaseFile);
            var table = new LeaseTable(pool, server.LeaseTime, file, time, log);
            table.Load(leases);
            return new AddressServer(link, pool, table, new LeaseTerms(mask, server.Gateway, server.DnsServers, server.LeaseTime));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new NetbootException($"The lease file {server.LeaseFile} cannot be opened: {error.Message}", error);
        }
    }

    /// <summary>Not worth failing for: without it a boot takes 13 s longer, on links without a router.</summary>
    private RouterAnswerer? OpenRouterAnswerer(NetworkLink link, RecentBoots recent)
    {
        try
        {
            return Opened(new RouterAnswerer(link, recent, time, log));
        }
        catch (SocketException error)
        {
            log.NoRouterAnswers(link.Name, error.Message);
            return null;
        }
    }

    private T Opened<T>(T one)
        where T : IDisposable
    {
        open.Add(one);
        return one;
    }

    private void Run(Func<CancellationToken, Task> answerNext, Func<Task>? end = null) => running.Add(RepeatAsync(answerNext, end));

    /// <summary>No packet and no fault of the network ends a service; only stopping does.</summary>
    private async Task RepeatAsync(Func<CancellationToken, Task> answerNext, Func<Task>? end)
    {
        for (var failures = 0; !stopping.IsCancellationRequested;)
            try
            {
                await answerNext(stopping.Token);
                failures = 0;
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                break;
            }
            catch (Exception error)
            {
                log.PacketFailed(Link.Name, error);
                // One bad packet costs nobody anything; an interface that is gone fails at once, again and again.
                await Task.Delay(LongestPause * Math.Min(1, ++failures / 100.0), time, stopping.Token)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            }
        if (end is not null)
            await end();
    }
}
