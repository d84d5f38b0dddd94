using System.Net.Sockets;
using Baremetal.Conductor.Settings;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace Baremetal.Conductor.Boot;

/// <summary>The two addresses that nodes are told. The ports are asked of the server, which may have been free to choose them.</summary>
public sealed class NodeAddresses(ConductorSettings settings, IServer server)
{
    /// <summary>Such as <c>http://10.0.0.1:8080</c>.</summary>
    public string PlainUrl => Url("http", settings.PlainPort);

    /// <summary>Such as <c>https://10.0.0.1:8443</c>.</summary>
    public string TlsUrl => Url("https", settings.TlsPort);

    private string Url(string scheme, int port)
    {
        var address = settings.Addresses[0];
        var host = address.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{address}]" : address.ToString();
        return $"{scheme}://{host}:{(port != 0 ? port : PortInUse(scheme))}";
    }

    private int PortInUse(string scheme) => server.Features.Get<IServerAddressesFeature>()!.Addresses
        .Select(BindingAddress.Parse)
        .First(binding => binding.Scheme == scheme).Port;
}
