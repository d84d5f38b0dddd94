using System.Net;
using Baremetal.Netboot;

namespace Baremetal.Conductor.Settings;

/// <summary>
/// Everything that can be set, with its default and the reason for it. Later sources win: <c>/etc/baremetal/conductor.json</c>,
/// <c>conductor.json.d/*.json</c> beside it in the order of their names, <c>CONDUCTOR_…</c> variables (<c>__</c> between levels), <c>--set</c>.
/// </summary>
public sealed record ConductorSettings
{
    private static readonly string[] BootFiles = ["vmlinuz", "initrd.img", "localboot.efi"];

    /// <summary>Database, keys and blobs. What systemd's <c>StateDirectory=baremetal</c> makes.</summary>
    public string StateDirectory { get; init; } = "/var/lib/baremetal";

    /// <summary>The addresses that the two ports are opened on. All: a conductor usually stands in an operators' and in a provisioning network.</summary>
    public IPAddress Listen { get; init; } = IPAddress.Any;

    /// <summary>Plain HTTP for firmware and for content by digest. Not 80, which another web server on the machine may have. 0: any free port.</summary>
    public int PlainPort { get; init; } = 8080;

    /// <summary>TLS for operators and agents. 0: any free port.</summary>
    public int TlsPort { get; init; } = 8443;

    /// <summary>
    /// Addresses under which nodes reach this conductor; the first one goes into boot scripts, all go into the server's certificate.
    /// Empty: those of the DHCP interface, or, without DHCP, of every interface.
    /// </summary>
    public IPAddress[] Addresses { get; init; } = [];

    public DhcpSettings Dhcp { get; init; } = new();

    public DiscoverySettings Discovery { get; init; } = new();

    /// <summary>Holds <c>vmlinuz</c>, <c>initrd.img</c> and <c>localboot.efi</c>, where the package puts them.</summary>
    public string RamdiskDirectory { get; init; } = "/usr/lib/baremetal/ramdisk";

    /// <summary>Holds <c>undionly.kpxe</c> and <c>snponly.efi</c>: Debian's package <c>ipxe</c>.</summary>
    public string LoadersDirectory { get; init; } = "/usr/lib/ipxe";

    /// <summary>Holds the chain of trust documents, each a <c>*.dsse.json</c>. Read anew when a file changes.</summary>
    public string TrustDirectory { get; init; } = "/etc/baremetal/trust";

    /// <summary>The package that a node deployed with the role runner installs at its first boot; a conductor without runners can do without.</summary>
    public string RunnerPackage { get; init; } = "/usr/lib/baremetal/baremetal-vm-runner.deb";

    /// <summary>What a machine is booted with, and is not there.</summary>
    public IEnumerable<string> MissingBootFiles() => BootFiles.Select(file => Path.Combine(RamdiskDirectory, file)).Where(file => !File.Exists(file));

    /// <summary>What the agent of a machine in rescue is given besides; a conductor that rescues nobody can do without.</summary>
    public string RescueFile => Path.Combine(RamdiskDirectory, "rescue.img");

    /// <summary>The part of the settings that <see cref="NetbootServer"/> takes.</summary>
    public NetbootOptions Netboot(string leaseFile, string? httpBase) => new()
    {
        Dhcp = Dhcp.Mode,
        Interface = Dhcp.Interface ?? "",
        Address = Addresses.FirstOrDefault() is { AddressFamily: System.Net.Sockets.AddressFamily.InterNetwork } address ? Ipv4.From(address) : null,
        HttpBase = httpBase,
        LoaderFolder = LoadersDirectory,
        Server = Dhcp.Pool is { } pool
            ? new DhcpServerOptions { First = pool.First, Last = pool.Last, LeaseTime = Dhcp.LeaseTime, Gateway = Dhcp.Router, DnsServers = Dhcp.DnsServers, LeaseFile = leaseFile }
            : null,
    };

    /// <summary>Added to the ramdisk's kernel command line, such as <c>console=ttyS0</c>; which console a server has nobody can guess.</summary>
    public string KernelArguments { get; init; } = "";

    public LimitSettings Limits { get; init; } = new();
}

public sealed record DhcpSettings
{
    /// <summary>Off: an installed package must not answer on anyone's network before it is told to.</summary>
    public DhcpMode Mode { get; init; } = DhcpMode.Off;

    /// <summary>The one interface that is answered on; there is no default, because it is the one thing that must not be guessed.</summary>
    public string? Interface { get; init; }

    /// <summary>First and last address of the pool (<c>10.0.0.100-10.0.0.200</c>); mode <c>server</c> needs it.</summary>
    public AddressRange? Pool { get; init; }

    /// <summary>One hour: longer than any deploy, short enough that a pool outlives a morning of changing machines.</summary>
    public TimeSpan LeaseTime { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Handed to clients if given. Netboot needs neither.</summary>
    public Ipv4? Router { get; init; }

    public Ipv4[] DnsServers { get; init; } = [];

    /// <summary>What whoever waits for a machine from the network has to know; null where this conductor does answer. Somebody else's DHCP server may lead machines here all the same.</summary>
    public string? Silence => Mode == DhcpMode.Off ? "this conductor answers no DHCP (dhcp.mode off)" : null;
}

public sealed record AddressRange(Ipv4 First, Ipv4 Last);

/// <summary>How long is waited before it is called a failure, and how often it is tried. A job that waits for ever helps nobody.</summary>
public sealed record LimitSettings
{
    /// <summary>Agents beat every few seconds; a minute without is not a lost packet but a lost machine.</summary>
    public TimeSpan HeartbeatLost { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How long a power controller is asked again; many restart their own network when they are busy, and are back after two minutes.</summary>
    public TimeSpan Power { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>From power-on to an enrolled agent: large servers need ten minutes for their memory test alone.</summary>
    public TimeSpan AgentBoot { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>From enrolment to the inventory. Reading it takes seconds; disks that hang on a bad bus take two minutes to give up.</summary>
    public TimeSpan Inventory { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// A write or an erasure that does not come on, however long it takes as a whole. An hour: a mirror is tried again for half of that, and the agent then says
    /// better than we can what failed; a disk that works at all writes a piece in minutes.
    /// </summary>
    public TimeSpan Stalled { get; init; } = TimeSpan.FromHours(1);

    /// <summary>
    /// An erasure that tells nothing, for as long as the disk's own estimate allows. Four days: a hard disk of 30 TB is through in 40 hours, of which the agent gives it
    /// twice as many.
    /// </summary>
    public TimeSpan SelfErase { get; init; } = TimeSpan.FromDays(4);

    /// <summary>A step that only sets a variable or restarts the machine.</summary>
    public TimeSpan ShortStep { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>From the agent's reboot to the installed system's first sign: firmware again, then a first boot.</summary>
    public TimeSpan SystemBoot { get; init; } = TimeSpan.FromMinutes(20);

    /// <summary>From the installed system's first sign until it is a runner: it installs packages, from a mirror that may be far away.</summary>
    public TimeSpan RunnerSetup { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>For an operator who has to press a button: a walk to the machine, and the lunch before it.</summary>
    public TimeSpan ByHand { get; init; } = TimeSpan.FromHours(4);

    /// <summary>Times that a node is netbooted for one job. Twice may be a bad cable; the third time it is the machine.</summary>
    public int Attempts { get; init; } = 3;

    /// <summary>Orders for one job: each restart of an agent takes one. A crash that repeats is a fault to look at, not to wait out.</summary>
    public int Orders { get; init; } = 10;
}
