using System.Net;
using System.Net.Sockets;
using Baremetal.Api;

namespace Baremetal.Cli.Vms;

/// <summary><c>--publish [ADDRESS:]HOST:GUEST[/udp]</c>, as Docker and Podman have it; an IPv6 address stands in brackets.</summary>
internal static class PortOption
{
    public static PublishedPort Parse(string text)
    {
        var (ports, protocol) = text.Split('/') switch
        {
            [var all] => (all, "tcp"),
            [var all, "tcp" or "udp"] => (all, text.Split('/')[1]),
            _ => throw Wrong(text),
        };
        var guestAt = ports.LastIndexOf(':');
        var hostAt = guestAt > 0 ? ports.LastIndexOf(':', guestAt - 1) : -1;
        if (guestAt < 0 || !TryPort(ports[(guestAt + 1)..], out var guest) || !TryPort(ports[(hostAt + 1)..guestAt], out var host))
            throw Wrong(text);
        return new PublishedPort(host, guest, hostAt < 0 ? null : AddressOf(ports[..hostAt], text), protocol);
    }

    private static bool TryPort(string text, out int port) => int.TryParse(text, System.Globalization.NumberStyles.None, null, out port) && port is > 0 and <= 65535;

    private static string AddressOf(string address, string text)
    {
        var isBracketed = address is ['[', _, .., ']'];
        return IPAddress.TryParse(isBracketed ? address[1..^1] : address, out var parsed) && isBracketed == (parsed.AddressFamily == AddressFamily.InterNetworkV6) ? parsed.ToString() : throw Wrong(text);
    }

    private static Failure Wrong(string text) => Failure.WrongUsage($"--publish is '{text}'.", "Give the host's port and the guest's, such as 8080:80, 127.0.0.1:8080:80 or 5353:53/udp.");
}
