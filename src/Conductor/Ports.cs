using System.Net.Sockets;
using Baremetal.Conductor.Certificates;
using Baremetal.Conductor.Settings;
using Baremetal.Trust;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;

namespace Baremetal.Conductor;

/// <summary>The two ports.</summary>
internal sealed class Ports(ConductorSettings settings, ServerTls tls) : IConfigureOptions<KestrelServerOptions>
{
    private const int FirstOfEverybody = 1024;

    public void Configure(KestrelServerOptions options)
    {
        options.AddServerHeader = false;
        options.Limits.MaxRequestBodySize = Limits.BodyBytes;
        options.Listen(settings.Listen, settings.PlainPort);
        options.Listen(settings.Listen, settings.TlsPort, port => port.UseHttps(tls.Options));
    }

    /// <summary>Why a start ended that ended at a port; null where it was something else.</summary>
    public static Rejection? WhyNotOpened(Exception error, ConductorSettings settings) => error switch
    {
        // Which one of the two only the message says.
        IOException { InnerException: AddressInUseException } when error.Message.Contains($":{settings.TlsPort}:", StringComparison.Ordinal) => Taken("tlsPort", settings.TlsPort),
        IOException { InnerException: AddressInUseException } => Taken("plainPort", settings.PlainPort),
        SocketException { SocketErrorCode: SocketError.AccessDenied } => new Rejection(
            $"This user may not open {(settings.PlainPort is > 0 and < FirstOfEverybody ? $"plainPort {settings.PlainPort}" : $"tlsPort {settings.TlsPort}")}.",
            $"Set a port from {FirstOfEverybody} on, or run the conductor with CAP_NET_BIND_SERVICE, as its systemd unit does."),
        SocketException { SocketErrorCode: SocketError.AddressNotAvailable } => new Rejection($"listen is {settings.Listen}, which is no address of this machine.", "Set one that 'ip address' shows, or 0.0.0.0 for all."),
        _ => null,
    };

    private static Rejection Taken(string setting, int port) => new($"{setting} {port} is in use by another program.", $"Stop what uses it ('ss -ltnp' shows it), or set another: {setting}.");
}
