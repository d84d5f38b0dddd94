using System.Net;
using System.Net.Sockets;
using Baremetal.Netboot.Boot;
using Baremetal.Netboot.Dhcp;
using Baremetal.Netboot.Ipv6;
using Baremetal.Netboot.Tftp;
using Microsoft.Extensions.Logging;

namespace Baremetal.Netboot;

/// <summary>
/// Netboot on one network: DHCP says what to load, TFTP delivers the loader, and the loader fetches its script by HTTP, which is the host's part
/// (<see cref="BootUrls"/>, <see cref="BootScript"/>, <see cref="Loaders"/>).
/// </summary>
public sealed class NetbootServer(NetbootOptions options, IBootPolicy policy, TimeProvider time, ILogger<NetbootServer> log) : IAsyncDisposable
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource stopping = new();
    private readonly List<IDisposable> open = [];
    private readonly List<Task> running = [];

    /// <summary>The loaders by name, for <see cref="BootUrls.LoaderPath"/>. Empty until started.</summary>
    public IReadOnlyDictionary<string, ReadOnlyMemory<byte>> Loaders { get; private set; } = new Dictionary<string, ReadOnlyMemory<byte>>();

    /// <summary>Returns when every port is open; in mode server after the look for other servers.</summary>
    /// <exception cref="NetbootException">It cannot be served as configured; nothing is left open.</exception>
    public async Task StartAsync(CancellationToken cancel)
    {
        if (options.Faults() is { Count: > 0 } faults)
            throw new NetbootException(string.Join(Environment.NewLine, faults));
        if (options.Dhcp == DhcpMode.Off)
            return;
        try
        {
            await ServeAsync(NetworkLink.Find(options.Interface, options.Address), cancel);
        }
        catch (Exception error)
        {
            await StopAsync();
            if (error is SocketException)
                throw new NetbootException($"{options.Interface} cannot be used: {error.Message}. Is it up, and are we root or do we have the capability CAP_NET_RAW?", error);
            throw;
        }
    }

    /// <summary>Cuts what runs, and returns when it has ended.</summary>
    public async Task StopAsync()
    {
        await stopping.CancelAsync();
        await Task.WhenAll(running);
        open.ForEach(one => one.Dispose());
        if (running.Count > 0)
            log.Stopped(options.Interface);
        running.Clear();
        open.Clear();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        stopping.Dispose();
    }

    /// <summary>In the order of a boot.</summary>
    private async Task ServeAsync(NetworkLink link, CancellationToken cancel)
    {
        var httpBase = options.HttpBase ?? $"http://{link.Address}:8080";
        var recent = new RecentBoots(time);
        Loaders = LoaderFiles.Read(options.LoaderFolder);

        var offers = Opened(new OfferListener(link));
        var sockets = Opened(new DhcpSockets(link, log));
        var addresses = options.Dhcp == DhcpMode.Server ? AddressesOf(link, options.Server!) : null;
        var dhcp = new DhcpService(link, addresses, policy, new BootUrls(httpBase), recent, log);
        var tftp = new TftpServer(link, Loaders, options.Tftp, policy, time, log);
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
            var table = new LeaseTable(pool, server.LeaseTime, file, time);
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
                log.PacketFailed(options.Interface, error);
                // One bad packet costs nobody anything; an interface that is gone fails at once, again and again.
                await Task.Delay(LongestPause * Math.Min(1, ++failures / 100.0), time, stopping.Token)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            }
        if (end is not null)
            await end();
    }
}
