using Baremetal.Api;
using Baremetal.Conductor.Inventories;

namespace Baremetal.Conductor.Tests.Inventories;

/// <summary>What of two inventories is a difference of the hardware, and in which words.</summary>
public sealed class InventoryComparisonTests
{
    private static readonly Disk A = new("nvme0n1", 1920L * 1000 * 1000 * 1000, "S6PXNA0T", "eui.01", "SAMSUNG MZQL21T9", null, Rotational: false, ReadOnly: false, 512, 4096, "pci-0000:65:00.0-nvme-1", "nvme");
    private static readonly Disk B = A with { Name = "nvme1n1", Serial = "S6PXNA1T", Wwn = "eui.02", ByPath = "pci-0000:66:00.0-nvme-1" };

    /// <summary>As a RAID volume or a virtual disk: nothing tells it from another of its size.</summary>
    private static readonly Disk Volume = new("sda", 480L << 30, null, null, "PERC", "DELL", Rotational: true, ReadOnly: false, 512, 512, "pci-0000:17:00.0-scsi-0:2:0:0", "scsi");

    private static readonly Inventory Machine = new(
        new Processor("AMD EPYC 9354", "x86_64", 2, 64, 128), 251L << 30, [A, B],
        [Card("eno1", "52:54:00:00:00:01"), Card("eno2", "52:54:00:00:00:02")],
        FirmwareMode.Uefi, new SystemIdentity("Supermicro", "AS-1115SV", "S432", Guid.Parse("12345678-1234-1234-1234-123456789abc"), "AMI", "2.1"));

    public static TheoryData<string, Inventory, Inventory> Alike => new()
    {
        { "the very same", Machine, Machine },
        { "disks named in another order", Machine, With(B with { Name = "nvme0n1" }, A with { Name = "nvme1n1" }) },
        { "disks on other bus numbers, since a card was put in", Machine, With(A with { ByPath = "pci-0000:66:00.0-nvme-1" }, B with { ByPath = "pci-0000:67:00.0-nvme-1" }) },
        { "a config drive was written", Machine, With(A with { ConfigDrives = ["nvme0n1p3"] }, B) },
        { "an agent that does not tell the bus yet", Machine, With(A with { Bus = null }, B with { Bus = null }) },
        { "one path of two lost", With(A, A with { Name = "sdb", ByPath = "pci-0000:68:00.0-fc-1" }, B), Machine },
        { "the network is another", Machine, Machine with { NetworkInterfaces = [Card("eth1", "52:54:00:00:00:02") with { Carrier = true, SpeedMbit = 25000, Addresses = ["10.0.0.9"], Boot = true, Driver = "other" }, Card("eth0", "52:54:00:00:00:01".ToUpperInvariant())] } },
        { "another kernel leaves other memory", Machine, Machine with { MemoryBytes = Machine.MemoryBytes - (512L << 20) } },
        { "another kernel in a small machine", Machine with { MemoryBytes = 230L << 20 }, Machine with { MemoryBytes = 200L << 20 } },
        { "a BMC's own card, which has another address at each start", Machine with { NetworkInterfaces = [Card("usb0", "02:00:00:00:00:01") with { Driver = "cdc_ether" }, .. Machine.NetworkInterfaces] },
            Machine with { NetworkInterfaces = [.. Machine.NetworkInterfaces, Card("usb0", "02:00:00:00:00:02") with { Driver = "cdc_ether" }] } },
        { "volumes named in another order", With(Volume, Volume with { Name = "sdb", ByPath = "pci-0000:17:00.0-scsi-0:2:1:0" }), With(Volume with { Name = "sdb" }, Volume with { ByPath = "pci-0000:17:00.0-scsi-0:2:1:0" }) },
        { "volumes of two sizes on other bus numbers", With(Volume, Volume with { Name = "sdb", SizeBytes = 1L << 40, ByPath = "pci-0000:18:00.0-scsi-0:2:0:0" }),
            With(Volume with { ByPath = "pci-0000:18:00.0-scsi-0:2:0:0" }, Volume with { Name = "sdb", SizeBytes = 1L << 40, ByPath = "pci-0000:19:00.0-scsi-0:2:0:0" }) },
        { "cheap disks that share a serial number, named in another order",
            With(A with { Wwn = null }, A with { Wwn = null, Name = "sdb", SizeBytes = 1L << 40 }), With(A with { Wwn = null, SizeBytes = 1L << 40 }, A with { Wwn = null, Name = "sdb" }) },
    };

    public static TheoryData<Inventory, Inventory, string[]> Different => new()
    {
        { Machine, With(A, B with { Serial = "S6PXNA9T", Wwn = "eui.09" }), ["disk serial S6PXNA1T (nvme, ssd, 1.7 TiB, SAMSUNG MZQL21T9) is gone", "disk serial S6PXNA9T (nvme, ssd, 1.7 TiB, SAMSUNG MZQL21T9) is new"] },
        { Machine, With(A), ["disk serial S6PXNA1T (nvme, ssd, 1.7 TiB, SAMSUNG MZQL21T9) is gone"] },
        { With(A), Machine, ["disk serial S6PXNA1T (nvme, ssd, 1.7 TiB, SAMSUNG MZQL21T9) is new"] },
        { Machine, Machine with { MemoryBytes = 188L << 30 }, ["memory 251 GiB → 188 GiB"] },
        { Machine with { MemoryBytes = 4096L << 30 }, Machine with { MemoryBytes = 4064L << 30 }, ["memory 4096 GiB → 4064 GiB"] },
        { Machine, Machine with { System = Machine.System with { FirmwareVersion = "2.3" } }, ["firmware 2.1 → 2.3"] },
        { Machine, Machine with { Firmware = FirmwareMode.Bios }, ["firmware mode uefi → bios"] },
        { Machine, Machine with { System = Machine.System with { Serial = null, Uuid = Guid.Empty } }, ["system serial S432 → none", "system UUID 12345678-1234-1234-1234-123456789abc → 00000000-0000-0000-0000-000000000000"] },
        { Machine, Machine with { Processor = Machine.Processor with { Sockets = 1, Cores = 32, Threads = 64 } }, ["processor sockets 2 → 1", "processor cores 64 → 32", "processor threads 128 → 64"] },
        { Machine, Machine with { Processor = Machine.Processor with { Model = "AMD EPYC 9554" } }, ["processor AMD EPYC 9354 → AMD EPYC 9554"] },
        { Machine, Machine with { NetworkInterfaces = [Card("eno1", "52:54:00:00:00:01"), Card("eno2", "52:54:00:00:00:03")] }, ["network card 52:54:00:00:00:02 (ice) is gone", "network card 52:54:00:00:00:03 (ice) is new"] },
        { Machine, With(A with { ReadOnly = true }, B), ["disk serial S6PXNA0T: access read and write → read-only"] },
        { Machine, With(A with { LogicalSectorBytes = 4096, SizeBytes = A.SizeBytes - 4096 }, B), ["disk serial S6PXNA0T: size 1920000000000 bytes → 1919999995904 bytes", "disk serial S6PXNA0T: sectors 512/4096 → 4096/4096"] },
        { Machine, With(A with { Serial = null }, B), ["disk WWN eui.01: serial S6PXNA0T → none"] },
        { With(A, B with { Wwn = A.Wwn }), With(A, B with { Wwn = A.Wwn, Serial = "S6PXNA9T" }), ["disk serial S6PXNA1T (nvme, ssd, 1.7 TiB, SAMSUNG MZQL21T9) is gone", "disk serial S6PXNA9T (nvme, ssd, 1.7 TiB, SAMSUNG MZQL21T9) is new"] },
        { With(Volume), With(Volume with { SizeBytes = 960L << 30 }), ["disk at pci-0000:17:00.0-scsi-0:2:0:0: size 480 GiB → 960 GiB"] },
        { With(Volume), With(Volume with { Serial = "V1" }), ["disk serial V1: serial none → V1"] },
        { With(Volume), With(), ["disk at pci-0000:17:00.0-scsi-0:2:0:0 (scsi, hdd, 480 GiB, PERC) is gone"] },
        { Machine, Machine with { System = Machine.System with { Product = "evil \e[2J\n" + new string('x', 100) } }, ["system product AS-1115SV → evil ?[2J " + new string('x', 54) + "…"] },
    };

    [Theory]
    [MemberData(nameof(Alike))]
    public void Changes_OfWhatDiffersAtEachBoot_AreNone(string what, Inventory before, Inventory after)
    {
        Assert.True(InventoryComparison.Changes(before, after) is [], what);
        Assert.True(InventoryComparison.Changes(after, before) is [], what);
    }

    [Theory]
    [MemberData(nameof(Different))]
    public void Changes_OfTheHardware_AreSaidInWords(Inventory before, Inventory after, string[] expected) =>
        Assert.Equal(expected, InventoryComparison.Changes(before, after).Select(change => change.Text));

    [Fact]
    public void Changes_SayWhichPartAndHow() => Assert.Equal(
        [(InventoryPart.Memory, InventoryChangeKind.Changed), (InventoryPart.Disk, InventoryChangeKind.Removed), (InventoryPart.NetworkInterface, InventoryChangeKind.Added)],
        InventoryComparison.Changes(Machine, With(A) with { MemoryBytes = 1L << 30, NetworkInterfaces = [.. Machine.NetworkInterfaces, Card("eno3", "52:54:00:00:00:03")] }).Select(change => (change.Part, change.Kind)));

    /// <summary>What no machine has, and an agent that is not ours may tell.</summary>
    [Fact]
    public void Changes_OfManyDisksAllAlike_AreFoundAtOnce()
    {
        var many = Enumerable.Range(0, 20_000).Select(number => Volume with { Name = $"sd{number}", ByPath = null, Model = null }).ToArray();

        var changes = InventoryComparison.Changes(With(many), With([.. many.Reverse().Skip(1)]) with { MemoryBytes = long.MinValue });

        Assert.Equal([InventoryPart.Memory, InventoryPart.Disk], changes.Select(change => change.Part));
    }

    private static Inventory With(params Disk[] disks) => Machine with { Disks = disks };

    private static NetworkInterface Card(string name, string mac) => new(name, mac, null, Carrier: false, "ice", [], Boot: false);
}
