using System.Text.Json.Serialization;

namespace Baremetal.Api;

/// <summary>How a VM is, as its runner last said.</summary>
public enum VmState
{
    /// <summary>Its runner has not taken it up yet.</summary>
    Pending,

    /// <summary>Its image is being fetched and looked through.</summary>
    Pulling,
    Starting,
    Running,
    Stopping,

    /// <summary>Switched off, by us or by itself; its disk is kept.</summary>
    Stopped,

    /// <summary>It does not run though it should: <see cref="Vm.Cause"/> says why.</summary>
    Failed,

    /// <summary>Its runner is silent; it may run on.</summary>
    Unknown,

    /// <summary>It goes, with its disk.</summary>
    Deleting,
}

/// <summary>What a VM shall be.</summary>
public enum VmTarget
{
    Running,
    Stopped,
    Deleted,
}

/// <summary><c>POST /v1/runners/{runner}/vms</c>, and what stays of it with the VM.</summary>
/// <param name="Name">Unique on its runner; the guest's host name where <paramref name="HostName"/> is not given.</param>
/// <param name="Image">
/// An OCI image with one disk: of the conductor's own catalogue by <c>NAME[:VERSION]</c>, or of a registry, as <c>registry.example/team/web:1</c> or with a digest.
/// </param>
/// <param name="MemoryMb">The guest's, in MiB.</param>
/// <param name="Processors">The guest's.</param>
/// <param name="Publish">Which of the host's ports lead to the guest.</param>
/// <param name="Network">One of the runner's; its usual one if not given.</param>
/// <param name="Address">IPv4, on that network; the next that is free if not given.</param>
/// <param name="SshKeys">Those who may log in, told by metadata.</param>
/// <param name="UserData">For cloud-init, told by metadata. Write-only: no answer of the API carries it.</param>
/// <param name="DiskOptions">RancherVM's <c>KVM_BLK_OPTS</c>.</param>
/// <param name="CardOptions">RancherVM's <c>KVM_NET_OPTS</c>.</param>
/// <param name="Arguments">RancherVM's: what stands behind the image in <c>docker run</c>.</param>
/// <param name="StopSeconds">How long the guest has to shut down.</param>
/// <param name="Target">Stopped: it is made, and not started.</param>
/// <param name="DiskGb">How large the guest's disk is made when it is made, in GiB; as the image has it if not given. An ISO is installed to a disk of that size.</param>
public sealed record CreateVm(
    string Name,
    string Image,
    int MemoryMb = CreateVm.UsualMemoryMb,
    int Processors = 1,
    PublishedPort[]? Publish = null,
    string? Network = null,
    string? Address = null,
    string? HostName = null,
    string[]? SshKeys = null,
    string? UserData = null,
    string? DiskOptions = null,
    string? CardOptions = null,
    string[]? Arguments = null,
    int StopSeconds = CreateVm.UsualStopSeconds,
    VmTarget Target = VmTarget.Running,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? DiskGb = null)
{
    public const int UsualMemoryMb = 512;

    /// <summary>Beside the guest's memory, in MiB: QEMU and what stands around it in the container. A runner's memory is for both.</summary>
    public const int OverheadMb = 128;

    /// <summary>What a server's services take to end, with room.</summary>
    public const int UsualStopSeconds = 60;

    /// <summary>Of user data, in bytes of UTF-8: what clouds take, four times.</summary>
    public const int MostUserDataBytes = 64 << 10;
}

/// <summary>One of the host's ports that leads to the guest.</summary>
/// <param name="HostPort">On the runner.</param>
/// <param name="GuestPort">In the VM.</param>
/// <param name="HostAddress">Which of the runner's addresses; all if not given.</param>
/// <param name="Protocol"><c>tcp</c> or <c>udp</c>.</param>
public sealed record PublishedPort(int HostPort, int GuestPort, string? HostAddress = null, string Protocol = "tcp");

/// <summary>
/// A VM as the API shows it: what it shall be (<paramref name="Spec"/>, <paramref name="Target"/>) and how its runner found it.
/// </summary>
/// <param name="Since">When it came to its state.</param>
/// <param name="Cause">Why it failed, or what is waited for.</param>
/// <param name="ExitCode">What its container last ended with.</param>
/// <param name="ImageDigest">The image that it was made from, for ever.</param>
/// <param name="Accelerator"><c>kvm</c> or <c>tcg</c>.</param>
/// <param name="HasUserData">Whether it was given some.</param>
public sealed record Vm(
    string Id,
    string Name,
    string Runner,
    VmState State,
    DateTimeOffset Since,
    VmTarget Target,
    CreateVm Spec,
    bool HasUserData,
    DateTimeOffset CreatedAt,
    string? Cause = null,
    int? ExitCode = null,
    string? ImageDigest = null,
    string? Address = null,
    string? Mac = null,
    string? Accelerator = null);

/// <summary>What can be asked of a VM: the last part of <see cref="Routes.VmAction"/>.</summary>
public static class VmActions
{
    public const string Start = "start";
    public const string Stop = "stop";
    public const string Restart = "restart";
}

/// <summary><c>GET …/vms/{vm}/{stream}</c>: what of a VM can be looked at through its runner.</summary>
public enum VmView
{
    /// <summary>What its container said: text, to its end.</summary>
    Logs,

    /// <summary>What its serial console said, as far as it is kept: text, to its end.</summary>
    ConsoleLog,

    /// <summary>Its serial console, both ways.</summary>
    Serial,

    /// <summary>Its screen: RFB (RFC 6143), both ways.</summary>
    Vnc,
}
