using Baremetal.Netboot.Boot;
using Microsoft.Extensions.Logging;

namespace Baremetal.Netboot;

/// <summary>
/// Netboot on one network: DHCP says what to load, TFTP delivers the loader, and the loader fetches its script by HTTP, which is the host's part
/// (<see cref="BootUrls"/>, <see cref="BootScript"/>, <see cref="Loaders"/>). An interface that goes and comes back, as when a bridge is made
/// anew, is served again: its old sockets would stay open, and deaf.
/// </summary>
public sealed class NetbootServer(NetbootOptions options, IBootPolicy policy, TimeProvider time, ILogger<NetbootServer> log) : IAsyncDisposable
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(2);

    private readonly CancellationTokenSource stopping = new();
    private Task watching = Task.CompletedTask;

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
        Loaders = LoaderFiles.Read(options.LoaderFolder);
        watching = WatchAsync(await OpenAsync(cancel));
    }

    /// <summary>Cuts what runs, and returns when it has ended.</summary>
    public async Task StopAsync()
    {
        await stopping.CancelAsync();
        await watching;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        stopping.Dispose();
    }

    private Task<LinkService> OpenAsync(CancellationToken cancel) =>
        LinkService.OpenAsync(NetworkLink.Find(options.Interface, options.Address), options, Loaders, policy, time, log, cancel);

    private async Task WatchAsync(LinkService service)
    {
        while (await PauseAsync())
        {
            if (ChangeOf(service.Link) is not { } change)
                continue;
            log.LinkChanged(service.Link.Name, change);
            await service.DisposeAsync();
            if (await ReopenAsync() is not { } reopened)
                return;
            service = reopened;
        }
        await service.DisposeAsync();
    }

    /// <summary>Null when it was stopped before the interface was back.</summary>
    private async Task<LinkService?> ReopenAsync()
    {
        var told = "";
        do
        {
            try
            {
                return await OpenAsync(stopping.Token);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return null;
            }
            catch (Exception error)
            {
                if (told != error.Message)
                    log.LinkWaits(options.Interface, told = error.Message);
            }
        }
        while (await PauseAsync());
        return null;
    }

    /// <summary>What makes the open sockets deaf, or the answers wrong. A bridge's MAC address changes whenever a port joins, and does neither.</summary>
    private string? ChangeOf(NetworkLink served)
    {
        try
        {
            var now = NetworkLink.Find(options.Interface, options.Address);
            return now.Index != served.Index ? "it was made anew"
                : (now.Address, now.PrefixLength) != (served.Address, served.PrefixLength) ? $"its address was {served.Address}/{served.PrefixLength} and is {now.Address}/{now.PrefixLength}"
                : null;
        }
        catch (NetbootException gone)
        {
            return gone.Message;
        }
    }

    private async Task<bool> PauseAsync()
    {
        await Task.Delay(LookEvery, time, stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        return !stopping.IsCancellationRequested;
    }
}
