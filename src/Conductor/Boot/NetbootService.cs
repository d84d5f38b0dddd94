using Baremetal.Netboot;

namespace Baremetal.Conductor.Boot;

/// <summary>
/// Runs DHCP and TFTP beside the HTTP server, which must be up first: a machine that is answered fetches its script a moment later. What
/// cannot be served as configured ends the start.
/// </summary>
internal sealed class NetbootService(NetbootServer netboot) : IHostedLifecycleService
{
    public Task StartedAsync(CancellationToken cancellationToken) => netboot.StartAsync(cancellationToken);

    public Task StoppingAsync(CancellationToken cancellationToken) => netboot.StopAsync();

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
