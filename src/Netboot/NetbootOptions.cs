namespace Baremetal.Netboot;

/// <summary>What we do about DHCP.</summary>
public enum DhcpMode
{
    /// <summary>Nothing: no port is opened.</summary>
    Off,

    /// <summary>We give the addresses and say what to boot. Only where no other server does.</summary>
    Server,

    /// <summary>Another server gives the addresses; we say what to boot.</summary>
    Proxy,
}

/// <summary>How one network is served. Every default has its reason; <see cref="Faults"/> names all that is wrong at once.</summary>
public sealed record NetbootOptions
{
    /// <summary>Off: a program that was merely installed must not answer anybody.</summary>
    public DhcpMode Dhcp { get; init; } = DhcpMode.Off;

    /// <summary>The network interface that the servers boot from, such as <c>eth1</c>; no other hears or sends anything.</summary>
    public string Interface { get; init; } = "";

    /// <summary>Our address on it; null takes its first, which is also the source of what the kernel broadcasts.</summary>
    public Ipv4? Address { get; init; }

    /// <summary>Where boot script and loaders are served by HTTP; null is <c>http://ADDRESS:8080</c>, the conductor's own plain port.</summary>
    public string? HttpBase { get; init; }

    /// <summary>Where the loaders lie, read once at the start. Debian's package ipxe puts them here.</summary>
    public string LoaderFolder { get; init; } = "/usr/lib/ipxe";

    /// <summary>Needed in mode <see cref="DhcpMode.Server"/>.</summary>
    public DhcpServerOptions? Server { get; init; }

    public TftpOptions Tftp { get; init; } = new();

    /// <summary>
    /// Answer router solicitations of machines that are netbooting, for iPXE waits 13 s for an answer on a link without routers. On: the answer
    /// offers no route and no address, goes to that machine alone, and is never sent where a router is.
    /// </summary>
    public bool RouterAdvertisements { get; init; } = true;

    /// <summary>Everything that is wrong, as sentences; empty when nothing is.</summary>
    public IReadOnlyList<string> Faults()
    {
        var faults = new List<string>();
        if (Dhcp == DhcpMode.Off)
            return faults;
        if (Interface.Length is 0 or > 15 || Interface.Any(letter => letter is '/' or <= ' ' or > '~'))
            faults.Add($"The network interface \"{Interface}\" is no name of one: set the one that your servers boot from, such as eth1.");
        if (HttpBase is not null && !IsHttpBase(HttpBase))
            faults.Add($"The HTTP base \"{HttpBase}\" is not of the form http://10.0.0.1:8080: plain http, a host of at most 64 letters, digits, dots and dashes, no path.");
        if (!Directory.Exists(LoaderFolder))
            faults.Add($"The loader folder {LoaderFolder} does not exist: install the Debian package ipxe, or name the folder with its loaders.");
        if (Dhcp == DhcpMode.Server && Server is null)
            faults.Add("DHCP mode server needs a pool: set its first and last address.");
        if (Dhcp == DhcpMode.Server)
            Server?.AddFaults(faults);
        Tftp.AddFaults(faults);
        return faults;
    }

    /// <summary>Checked by letter, since it goes into the packets and scripts that machines obey.</summary>
    private static bool IsHttpBase(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme == Uri.UriSchemeHttp && uri.Host.Length <= 64
        && text == (uri.IsDefaultPort ? $"http://{uri.Host}" : $"http://{uri.Host}:{uri.Port}")
        && uri.Host.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '-');
}

/// <summary>The addresses of mode <see cref="DhcpMode.Server"/>.</summary>
public sealed record DhcpServerOptions
{
    /// <summary>A table in memory, and no network needs more.</summary>
    public const uint MostAddresses = 65_536;

    /// <summary>The range to give from, both ends included; at most <see cref="MostAddresses"/>.</summary>
    public required Ipv4 First { get; init; }

    public required Ipv4 Last { get; init; }

    /// <summary>Of the pool's network; null takes the interface's own.</summary>
    public int? PrefixLength { get; init; }

    /// <summary>Null: machines that are being installed need no way out.</summary>
    public Ipv4? Gateway { get; init; }

    public IReadOnlyList<Ipv4> DnsServers { get; init; } = [];

    /// <summary>One hour: a deploy takes minutes, and renewals of ten thousand machines are six packets a second.</summary>
    public TimeSpan LeaseTime { get; init; } = TimeSpan.FromHours(1);

    public IReadOnlyDictionary<MacAddress, Ipv4> Reservations { get; init; } = new Dictionary<MacAddress, Ipv4>();

    /// <summary>Where leases survive a restart. Its folder must exist.</summary>
    public required string LeaseFile { get; init; }

    /// <summary>
    /// How long other servers may take to answer before we start. Six seconds: dnsmasq pings an address for three before it offers it, and a
    /// DISCOVER may be lost.
    /// </summary>
    public TimeSpan ProbeTime { get; init; } = TimeSpan.FromSeconds(6);

    internal void AddFaults(List<string> faults)
    {
        const int MostDnsServers = 8;
        if (First > Last || Last.Value - First.Value >= MostAddresses)
            faults.Add($"The pool {First} to {Last} is empty or larger than {MostAddresses} addresses.");
        if (PrefixLength is < 1 or > 30)
            faults.Add($"The prefix length {PrefixLength} is not between 1 and 30.");
        if (LeaseTime < TimeSpan.FromMinutes(2) || LeaseTime > TimeSpan.FromDays(365))
            faults.Add($"The lease time {LeaseTime} is not between two minutes, which a boot needs, and a year.");
        if (ProbeTime < TimeSpan.FromSeconds(1) || ProbeTime > TimeSpan.FromMinutes(1))
            faults.Add($"The probe time {ProbeTime} is not between a second, which any server needs, and a minute.");
        if (DnsServers.Count > MostDnsServers)
            faults.Add($"{DnsServers.Count} name servers are more than the {MostDnsServers} that clients read.");
        foreach (var twice in Reservations.GroupBy(one => one.Value).Where(group => group.Count() > 1))
            faults.Add($"{twice.Key} is reserved for {string.Join(" and ", twice.Select(one => one.Key))}: one address, one machine.");
        if (Path.GetDirectoryName(Path.GetFullPath(LeaseFile)) is not { } folder || !Directory.Exists(folder))
            faults.Add($"The folder of the lease file {LeaseFile} does not exist: make it.");
    }
}

/// <summary>How loaders are sent.</summary>
public sealed record TftpOptions
{
    /// <summary>The ports that data is sent from, so that a firewall can let them through; 0 and 0 leave the choice to the kernel.</summary>
    public int FirstPort { get; init; }

    public int LastPort { get; init; }

    /// <summary>A rack powered on at once, ten times over. A request beyond it is not answered, and the client asks again.</summary>
    public int MaximumSessions { get; init; } = 1024;

    /// <summary>Per address: firmware opens two, one of which it gives up; a machine that resets leaves its last one behind.</summary>
    public int MaximumSessionsPerClient { get; init; } = 8;

    internal void AddFaults(List<string> faults)
    {
        if ((FirstPort, LastPort) != (0, 0) && (FirstPort < 1024 || LastPort > 65_535 || FirstPort > LastPort))
            faults.Add($"The TFTP ports {FirstPort} to {LastPort} are no range between 1024 and 65535.");
        if (MaximumSessions < 1 || MaximumSessionsPerClient < 1)
            faults.Add("The TFTP session limits must be at least 1.");
    }
}
