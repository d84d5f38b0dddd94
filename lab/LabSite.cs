using System.Net;
using System.Text;
using Baremetal.Lab.Bmc;

namespace Baremetal.Lab;

/// <summary>What a site is made of.</summary>
public sealed record LabSiteSettings
{
    /// <summary>A disk image of <c>lab/images</c>, signed under its own name.</summary>
    public required string ImageFile { get; init; }

    public required string ImageName { get; init; }

    /// <summary>Keys and signed documents that may be kept from site to site; null makes new ones for this site alone.</summary>
    public string? SigningFolder { get; init; }

    public LabConductorSettings Conductor { get; init; } = new();
}

/// <summary>
/// A machine room in small: a network, a conductor that the site's keys trust, a signed image in its catalogue, a Redfish service that
/// powers the servers, and, for a conductor in proxy mode, somebody else's plain DHCP server.
/// </summary>
public sealed class LabSite : IAsyncDisposable
{
    private static readonly IPAddress OtherDhcpServer = IPAddress.Parse("10.77.0.3");

    private readonly string _redfishPassword = Guid.NewGuid().ToString("N");

    private LabSite(Lan lan, LabConductor conductor, SignedImage image)
    {
        Lan = lan;
        Conductor = conductor;
        Image = image;
    }

    public Lan Lan { get; }

    public LabConductor Conductor { get; }

    public SignedImage Image { get; }

    private RedfishService? Redfish { get; set; }

    private string PasswordFile => Path.Combine(Lan.Folder, "redfish.password");

    /// <summary>Sets all of it up, without servers.</summary>
    /// <param name="lan">The network to set it up on; it outlives the site.</param>
    public static async Task<LabSite> OpenAsync(Lan lan, LabSiteSettings settings, CancellationToken cancel = default)
    {
        var image = await SignedImage.SignAsync(settings.SigningFolder ?? Path.Combine(lan.Folder, "signing"), settings.ImageName, settings.ImageFile, lan.Folder, cancel);
        if (settings.Conductor.DhcpMode == "proxy")
            await StartOtherDhcpServerAsync(lan, cancel);
        var site = new LabSite(lan, await LabConductor.StartAsync(lan, settings.Conductor, cancel), image);
        try
        {
            await site.Conductor.TrustAsync(image.KeyFolder, cancel);
            await site.Conductor.RunAsync(["image", "add", image.ManifestFile, "--source", image.SourceFile], cancel);
            await using (var file = new FileStream(site.PasswordFile, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }))
                await file.WriteAsync(Encoding.ASCII.GetBytes(site._redfishPassword), cancel);
            site.Redfish = await RedfishService.StartAsync(lan, LabConductor.RedfishUser, site._redfishPassword, cancel);
            return site;
        }
        catch
        {
            await site.DisposeAsync();
            throw;
        }
    }

    /// <summary>The command that enrols a server under its own name, powered by this site's Redfish service.</summary>
    public string[] EnrolCommand(VirtualServer server) =>
    [
        "node", "enrol", server.Spec.Name, "--mac", server.Spec.Mac, "--redfish", RedfishService.AddressOf(server).ToString(),
        "--redfish-user", LabConductor.RedfishUser, "--redfish-password-file", PasswordFile,
    ];

    public async ValueTask DisposeAsync()
    {
        if (Redfish is not null)
            await Redfish.DisposeAsync();
        await Conductor.DisposeAsync();
    }

    /// <summary>A plain dnsmasq that hands out addresses and knows nothing of netboot.</summary>
    private static async Task StartOtherDhcpServerAsync(Lan lan, CancellationToken cancel)
    {
        var host = await lan.AddHostAsync("dhcp", OtherDhcpServer, cancel);
        var dnsmasq = host.Start(
            "dnsmasq",
            [
                "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--interface=eth0", "--bind-interfaces", "--user=root",
                "--dhcp-range=10.77.0.100,10.77.0.199,1h", "--dhcp-authoritative", "--log-dhcp", "--log-facility=-",
                $"--dhcp-leasefile={Path.Combine(lan.Folder, "dnsmasq.leases")}", "--pid-file=",
            ]);
        await dnsmasq.Output.WaitForLineAsync("IP range", TimeSpan.FromSeconds(30), cancellationToken: cancel);
    }
}
