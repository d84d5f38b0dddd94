namespace Baremetal.Api;

/// <summary>Where a node stands. The moves between these are one table in the conductor.</summary>
public enum NodeState
{
    /// <summary>It booted from the network and told what it has; nobody has said yet that it is ours.</summary>
    Pending,
    Enrolled,
    Inspecting,
    Available,
    Deploying,
    Active,
    Cleaning,

    /// <summary>An SSH server runs in the ramdisk; then it is what it was.</summary>
    Rescuing,

    /// <summary>A job ended badly; nothing is written to it until an operator has looked.</summary>
    Failed,

    /// <summary>An alarm was raised about who it is: whatever said that it is this node is shut out, until an operator has looked.</summary>
    Held,
}

/// <summary>Which device the firmware tries first when nobody has said otherwise.</summary>
public enum BootPolicy
{
    DiskFirst,
    NetworkFirst,
}

/// <summary>How a node is switched on.</summary>
/// <param name="Driver"><c>redfish</c>, <c>ipmi</c>, <c>wake-on-lan</c> or <c>manual</c>.</param>
/// <param name="Address">
/// Of its controller: for <c>redfish</c> https://BMC or the path of one system there, for <c>ipmi</c> ipmi://BMC[:PORT][?cipher=3].
/// </param>
/// <param name="Password">Write-only: no answer of the API ever carries it.</param>
/// <param name="TlsPin">For <c>redfish</c>: the SHA-256 of its certificate (DER), if no authority vouches for it.</param>
public sealed record PowerSettings(string Driver, string? Address = null, string? Username = null, string? Password = null, string? TlsPin = null);

/// <summary>How a node's ramdisk sets its network up, where that is not by DHCP on the card that the node was booted from.</summary>
/// <param name="Vlan">The 802.1Q tag of all its packets, 1 to 4094.</param>
/// <param name="Mtu">In bytes, 576 to 9216.</param>
/// <param name="Bond">The cards that are used as one.</param>
/// <param name="Address">IPv4 with its prefix, such as <c>10.0.0.5/24</c>; without it, DHCP is asked.</param>
/// <param name="Gateway">Goes with an address only, as do <paramref name="Dns"/>: three servers at most.</param>
public sealed record NodeNetwork(int? Vlan = null, int? Mtu = null, NodeBond? Bond = null, string? Address = null, string? Gateway = null, string[]? Dns = null);

/// <param name="Mode">As the Linux kernel names it: <c>802.3ad</c>, <c>active-backup</c> and so on.</param>
/// <param name="Macs">Of two to eight cards.</param>
public sealed record NodeBond(string Mode, string[] Macs);

/// <summary><c>POST /v1/nodes</c>. The firmware mode may be left out: inspection finds it. A dry run checks, and enrols nothing.</summary>
public sealed record EnrolNode(
    string Name,
    string Mac,
    PowerSettings Power,
    BootPolicy BootPolicy = BootPolicy.DiskFirst,
    FirmwareMode? Firmware = null,
    bool DryRun = false,
    NodeNetwork? Network = null,
    string? KernelArguments = null);

/// <summary>
/// A node as the API shows it. <paramref name="Address"/> is the last one seen on the network, by agent or by installed system.
/// <paramref name="KernelArguments"/> are added to its ramdisk's kernel command line, after those of the setting <c>kernelArguments</c>.
/// A <paramref name="Protected"/> node is never written to; on one in <paramref name="Maintenance"/> (the reason) nothing is begun.
/// <paramref name="Relay"/> is the DHCP relay that it was discovered through, <paramref name="Circuit"/> and <paramref name="Remote"/> what a relay or switch
/// said of the port (option 82): printable ASCII as it is, else <c>0x</c> and hex. <paramref name="SshHostKeys"/> is what its installed system told of itself
/// when it phoned home. <paramref name="Firmware"/> is as it was enrolled, or as its inventory says.
/// </summary>
public sealed record Node(
    string Id,
    string Name,
    string Mac,
    NodeState State,
    DateTimeOffset Since,
    long Revision,
    PowerSettings Power,
    BootPolicy BootPolicy,
    TrustGrades Trust,
    AgentPresence? Agent,
    string? Address,
    string? Image,
    string? CurrentJob,
    string? Cause,
    Inventory? Inventory,
    bool Protected = false,
    string? Maintenance = null,
    NodeWork? Work = null,
    string? Relay = null,
    SshHostKey[]? SshHostKeys = null,
    NodeNetwork? Network = null,
    string? KernelArguments = null,
    string? Circuit = null,
    string? Remote = null,
    FirmwareMode? Firmware = null);

/// <summary>What a job does on a node now: the step and since when, what it waits for there, and which steps are still to come.</summary>
public sealed record NodeWork(string Job, JobKind Kind, string Step, DateTimeOffset Since, int Attempt, string? WaitingFor, string[] Next);

/// <summary>
/// <c>PATCH /v1/nodes/{node}</c>: what is left out stays as it is. <paramref name="Power"/> replaces all power settings, and <paramref name="Network"/> all
/// of the network: <c>{}</c> takes them away, as an empty text does <paramref name="KernelArguments"/>.
/// </summary>
public sealed record EditNode(
    string? Name = null, string? Mac = null, PowerSettings? Power = null, BootPolicy? BootPolicy = null, FirmwareMode? Firmware = null, NodeNetwork? Network = null, string? KernelArguments = null);

/// <summary><c>POST /v1/nodes/{node}/maintenance</c>: why nothing shall be begun on it.</summary>
public sealed record BeginMaintenance(string Reason);

/// <summary>How well each side knows the other: C0 to C2 the conductor towards the node, N0 to N3 the node towards the conductor.</summary>
public sealed record TrustGrades(string Conductor, string Node);

/// <summary>The agent that runs on the node now. <paramref name="LastSeen"/> is its last heartbeat.</summary>
public sealed record AgentPresence(string BootId, string Version, DateTimeOffset EnrolledAt, DateTimeOffset LastSeen);

/// <summary>What a state-changing call on a node can ask for: the last part of <see cref="Routes.NodeAction"/>.</summary>
public static class NodeActions
{
    public const string Approve = "approve";
    public const string Inspect = "inspect";
    public const string Adopt = "adopt";
    public const string Clean = "clean";
    public const string Release = "release";
    public const string Protect = "protect";
    public const string Unprotect = "unprotect";
    public const string Maintenance = "maintenance";
    public const string Rescue = "rescue";
    public const string Unrescue = "unrescue";
    public const string Abort = "abort";
    public const string Unmaintenance = "unmaintenance";
}

/// <summary><c>POST /v1/nodes/{node}/power</c>.</summary>
public sealed record SetPower(PowerTarget Target);

/// <summary><c>GET /v1/nodes/{node}/power</c>: asked of the machine, never remembered.</summary>
public sealed record PowerReport(PowerState State);

public enum PowerTarget
{
    On,
    Off,
    Reset,
    Cycle,
}

public enum PowerState
{
    Unknown,
    On,
    Off,
}

/// <summary>One page of a listing; <paramref name="Next"/> goes into <c>?after=</c>, null at the end.</summary>
public sealed record Page<T>(T[] Items, string? Next);
