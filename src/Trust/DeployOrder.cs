using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Baremetal.Trust;

/// <summary>
/// What an agent may do, once: write the image of <paramref name="ManifestSha256"/> to <paramref name="Target"/>, or <paramref name="Erase"/>, or let somebody in (<paramref name="Rescue"/>). A write may remove the config drives of an earlier life
/// from other disks (<paramref name="RemoveConfigDrives"/>). Signed by the conductor's order key for one node, one boot and one nonce. Its life is
/// <paramref name="NotAfter"/> − <paramref name="IssuedAt"/>, counted by the agent from its own nonce, and checked before the first write.
/// An older agent passes over members that it does not know; <paramref name="Requires"/> names those that it must know to obey (<see cref="OrderNeeds"/>).
/// </summary>
public sealed record DeployOrder(
    string OrderId,
    int Attempt,
    string NodeId,
    string BootId,
    string AgentNonce,
    long TrustVersion,
    OrderStep[] Steps,
    DateTimeOffset IssuedAt,
    DateTimeOffset NotAfter,
    Digest? ManifestSha256 = null,
    TargetDisk? Target = null,
    bool Reuse = false,
    Digest? UserDataSha256 = null,
    Digest? ConfigDriveSha256 = null,
    EraseOrder? Erase = null,
    RescueOrder? Rescue = null,
    LayoutOrder? Layout = null,
    TargetDisk[]? RemoveConfigDrives = null,
    string[]? Requires = null)
{
    public const string PayloadType = "application/vnd.baremetal.order+json";

    public byte[] ToPayload() => JsonSerializer.SerializeToUtf8Bytes(this, DocumentJson.Default.DeployOrder);

    public static bool TryParse(ReadOnlySpan<byte> payload, [NotNullWhen(true)] out DeployOrder? order, [NotNullWhen(false)] out Rejection? rejection)
    {
        order = null;
        rejection = null;
        try
        {
            order = JsonSerializer.Deserialize(payload, DocumentJson.Default.DeployOrder);
        }
        catch (JsonException e)
        {
            rejection = new Rejection($"The order cannot be read: {e.Message}");
            return false;
        }
        // What is inside of an array or a map may be null for all that the deserializer checks.
        if (order is null || order.Erase?.Disks.Contains(null!) == true || order.Erase?.Fallback?.Contains(null!) == true || order.Rescue?.SshKeys.Contains(null!) == true || order.RemoveConfigDrives?.Contains(null!) == true || order.Requires?.Contains(null!) == true || Array.Exists(order.Steps, step => step is null || step.Args?.Values.Any(value => value is null) == true))
        {
            rejection = new Rejection("The order is empty, or has an empty step, argument or disk.");
            order = null;
        }
        return order is not null;
    }
}

/// <summary>
/// Which disks to erase, and how thoroughly: <c>metadata</c>, <c>discard</c>, <c>zero</c> or <c>secure</c>; and what a disk gets that is not erased whole by that. Those of them
/// that are <paramref name="Done"/>, by an earlier start of the agent, are erased again only if they do not look like it.
/// </summary>
public sealed record EraseOrder(string Depth, TargetDisk[] Disks, TargetDisk[]? Done = null, string[]? Fallback = null);

/// <summary>Who may log in as root, and for how many seconds.</summary>
public sealed record RescueOrder(int Seconds, string[] SshKeys);

/// <summary>
/// What becomes of a partition image's disk: its root partition, by its number, gets the space up to the disk's end, but for the config drive and
/// <paramref name="SwapBytes"/> of swap (a whole number of MiB, or 0).
/// </summary>
public sealed record LayoutOrder(int RootPartition, long SwapBytes);

/// <summary>What an agent must know to obey an order that has it.</summary>
public static class OrderNeeds
{
    /// <summary>A disk that is laid out by <see cref="LayoutOrder"/>.</summary>
    public const string Layout = "layout";
}

/// <summary>One disk to write or to erase. All that is given must match, and exactly one disk may.</summary>
public sealed record TargetDisk(long SizeBytes, int SectorSize, string? Wwn = null, string? Serial = null, string? ByPath = null);

public sealed record OrderStep(string Name, IReadOnlyDictionary<string, string>? Args = null);

/// <summary>How a machine is restarted. An agent that does not know them restarts it by its firmware, which ends at the same disk.</summary>
public static class RebootArguments
{
    private const string By = "by";
    private const string Kexec = "kexec";

    /// <summary>The ramdisk's kernel starts that of the disk.</summary>
    public static IReadOnlyDictionary<string, string> ByKexec { get; } = new Dictionary<string, string>(StringComparer.Ordinal) { [By] = Kexec };

    public static bool AreByKexec(OrderStep step) => step.Args?.GetValueOrDefault(By) == Kexec;
}
