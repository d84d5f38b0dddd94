using System.Net;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;

namespace Baremetal.Netboot.Tests;

/// <summary>A netboot server as its own process: <c>serve MODE INTERFACE CHOICE LEASE-FILE PROBE-SECONDS</c>. It says what it does until SIGTERM.</summary>
internal static class ServeCommand
{
    public const string Ready = "Netboot is served";

    public static readonly Ipv4 First = Ipv4.Parse("10.77.0.100");
    public static readonly Ipv4 Last = Ipv4.Parse("10.77.0.200");

    public static async Task<int> RunAsync(string[] args)
    {
        var options = new NetbootOptions
        {
            Dhcp = Enum.Parse<DhcpMode>(args[0]),
            Interface = args[1],
            Server = new DhcpServerOptions { First = First, Last = Last, LeaseFile = args[3], ProbeTime = TimeSpan.FromSeconds(double.Parse(args[4], System.Globalization.CultureInfo.InvariantCulture)) },
        };
        using var logging = LoggerFactory.Create(log => log
            .SetMinimumLevel(LogLevel.Debug)
            .AddSimpleConsole(console => console.SingleLine = true));
        var stop = new TaskCompletionSource();
        using var signal = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            stop.TrySetResult();
        });
        await using var server = new NetbootServer(options, new SpokenPolicy(Enum.Parse<BootChoice>(args[2])), TimeProvider.System, logging.CreateLogger<NetbootServer>());
        try
        {
            await server.StartAsync(CancellationToken.None);
        }
        catch (NetbootException refusal)
        {
            Console.WriteLine($"REFUSED {refusal.Message}");
            return 1;
        }
        await stop.Task;
        await server.StopAsync();
        return 0;
    }
}

/// <summary>One answer for every machine; what it is told, it says.</summary>
file sealed class SpokenPolicy(BootChoice choice) : IBootPolicy
{
    public BootChoice Choose(Machine machine) => choice;

    public void Seen(Sighting sighting) => Console.WriteLine($"SEEN {sighting.Mac} {sighting.Address} {sighting.Kind} {sighting.HostName}");

    public void Sent(IPAddress client, string file) => Console.WriteLine($"SENT {client} {file}");
}
