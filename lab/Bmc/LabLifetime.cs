using Microsoft.Extensions.Hosting;

namespace Baremetal.Lab.Bmc;

/// <summary>Ends with the lab: Ctrl-C is the business of the program that the lab runs in.</summary>
internal sealed class LabLifetime : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
