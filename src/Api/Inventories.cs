using System.Text.Json.Serialization;

namespace Baremetal.Api;

/// <summary>
/// What a machine was like from when until when, as <c>GET /v1/nodes/{node}/inventories</c> lists it, the newest first. What differs at each boot
/// and says nothing of the hardware, such as addresses and the names of disks, begins no new one; in the newest it is as the agent told it last.
/// </summary>
/// <param name="Number">Counts up from 1 for each node. The first and the newest are always kept, of those between them the later ones.</param>
/// <param name="LastSeen">When an agent last told the same of the hardware.</param>
/// <param name="BootId">The boot in which it was told first; null if an older conductor kept it.</param>
/// <param name="Since">The number of the inventory that <paramref name="Changes"/> are counted from; null for the first.</param>
/// <param name="Changes">At most <see cref="MostChanges"/>; <paramref name="MoreChanges"/> is how many there are beyond.</param>
/// <param name="Inventory">The whole; null in a listing.</param>
public sealed record KeptInventory(
    int Number,
    DateTimeOffset FirstSeen,
    DateTimeOffset LastSeen,
    string? BootId,
    string? AgentVersion,
    int? Since,
    InventoryChange[] Changes,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    int MoreChanges = 0,
    Inventory? Inventory = null)
{
    /// <summary>Two shelves full of disks.</summary>
    public const int MostChanges = 256;
}

/// <summary>One difference between two inventories of a machine; <paramref name="Text"/> says it to people, such as <c>memory 256 GiB → 192 GiB</c>.</summary>
public sealed record InventoryChange(InventoryPart Part, InventoryChangeKind Kind, string Text);

/// <summary>What of a machine differs.</summary>
public enum InventoryPart
{
    System,
    Firmware,
    Processor,
    Memory,
    Disk,
    NetworkInterface,
}

/// <summary>How it differs: disks and network interfaces come and go.</summary>
public enum InventoryChangeKind
{
    Added,
    Removed,
    Changed,
}
