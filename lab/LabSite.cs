using System.Net;
using System.Text;
using Baremetal.Lab.Bmc;

namespace Baremetal.Lab;

/// <summary>What a site's BMCs speak.</summary>
public enum LabPower
{
    Redfish,
    Ipmi,
}

/// <summary>What a site is made of.</summary>
public sealed record LabSiteSettings
{
    /// <summary>A disk image of <c>lab/images</c>, signed under its own name.</summary>
    public required string ImageFile { get; init; }

    public required string ImageName { get; init; }

    /// <summary>What boots the image, if it is a root file system alone.</summary>
    public BootFiles? Boot { get; init; }

    /// <summary>Keys and signed documents that may be kept from site to site; null makes new ones for this site alone.</summary>
    public string? SigningFolder { get; init; }

    public LabConductorSettings Conductor { get; init; } = new();

    public LabPower Power { get; init; }
}

/// <summary>
/// A machine room in small: a network, a conductor that the site's keys trust, a signed image in its catalogue, BMCs that power the
/// servers (one Redfish service for all, or an IPMI one for each), and, for a conductor in proxy mode, somebody else's plain DHCP server.
/// </summary>
public sealed class LabSite : IAsyncDisposable
{
    private static readonly IPAddress OtherDhcpServer = IPAddress.Parse("10.77.0.3");

    private const string BmcUser = "lab";

    // As long as ipmi_sim takes them.
    private readonly string _bmcPassword = Guid.NewGuid().ToString("N")[..16];

    private readonly LabPower _power;
    private readonly List<IpmiBmc> _bmcs = [];

    private LabSite(Lan lan, LabPower power, LabConductor conductor, SignedImage image)
    {
        _power = power;
        Lan = lan;
        Conductor = conductor;
        Image = image;
    }

    public Lan Lan { get; }

    public LabConductor Conductor { get; }

    public SignedImage Image { get; }

    private RedfishService? Redfish { get; set; }

    private string PasswordFile => Path.Combine(Lan.Folder, "bmc.password");

    /// <summary>Sets all of it up, without servers.</summary>
    /// <param name="lan">The network to set it up on; it outlives the site.</param>
    public static async Task<LabSite> OpenAsync(Lan lan, LabSiteSettings settings, CancellationToken cancel = default)
    {
        var image = await SignedImage.SignAsync(settings.SigningFolder ?? Path.Combine(lan.Folder, "signing"), settings.ImageName, settings.ImageFile, settings.Boot, lan.Folder, cancel);
        if (settings.Conductor.DhcpMode == "proxy")
            await StartOtherDhcpServerAsync(lan, cancel);
        var site = new LabSite(lan, settings.Power, await LabConductor.StartAsync(lan, settings.Conductor, cancel), image);
        try
        {
            await site.Conductor.TrustAsync(image.KeyFolder, cancel);
            await site.Conductor.RunAsync(["image", "add", image.ManifestFile, "--source", image.SourceFile], cancel);
            await using (var file = new FileStream(site.PasswordFile, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }))
                await file.WriteAsync(Encoding.ASCII.GetBytes(site._bmcPassword), cancel);
            if (settings.Power == LabPower.Redfish)
                site.Redfish = await RedfishService.StartAsync(lan, BmcUser, site._bmcPassword, cancel);
            return site;
        }
        catch
        {
            await site.DisposeAsync();
            throw;
        }
    }

    /// <summary>The command that enrols a server under its own name, powered by this site's Redfish service or by a BMC of its own, which starts here.</summary>
    public async Task<string[]> EnrolCommandAsync(VirtualServer server, CancellationToken cancel = default)
    {
        string[] known = ["node", "enrol", server.Spec.Name, "--mac", server.Spec.Mac, "--boot-policy", server.Spec.NetworkFirst ? "network-first" : "disk-first"];
        if (_power == LabPower.Redfish)
            return [.. known, "--redfish", RedfishService.AddressOf(server).ToString(), "--redfish-user", BmcUser, "--redfish-password-file", PasswordFile, "--redfish-tls-pin", Redfish!.TlsPin];
        var address = new IPEndPoint(Lan.BmcAddress, IpmiBmc.FirstPort + _bmcs.Count);
        _bmcs.Add(await IpmiBmc.StartAsync(address, BmcUser, _bmcPassword, new ServerChassis(server), Path.Combine(Lan.Folder, $"{server.Spec.Name}-bmc"), Lan.Conductor, cancel));
        return
        [
            .. known, "--ipmi", $"{address}", "--ipmi-cipher", "3", "--ipmi-user", BmcUser, "--ipmi-password-file", PasswordFile,
            "--firmware", server.Spec.Firmware.ToString().ToLowerInvariant(),
        ];
    }

    public async ValueTask DisposeAsync()
    {
        if (Redfish is not null)
            await Redfish.DisposeAsync();
        foreach (var bmc in _bmcs)
            await bmc.DisposeAsync();
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
