using Baremetal.Api;
using Baremetal.DeployAgent.Inventory;

namespace Baremetal.DeployAgent.Tests.Inventory;

/// <summary>Inventories of recorded machines.</summary>
public sealed class InventoryTests
{
    [Fact]
    public void Read_VirtioVm_FindsItsOneDiskAndCard()
    {
        using var tree = new MachineTree("virtio-vm");

        var inventory = MachineInventory.Read(Of(tree), "52:54:00:12:34:56");

        var disk = Assert.Single(inventory.Disks);
        Assert.Equal(new Disk("vda", 8L << 30, null, null, null, null, Rotational: true, ReadOnly: false, 512, 512, "virtio-pci-0000:00:04.0", "virtio"), disk);
        var card = Assert.Single(inventory.NetworkInterfaces);
        Assert.Equal(("eth0", "52:54:00:12:34:56", null, true, "virtio_net", true), (card.Name, card.Mac, card.SpeedMbit, card.Carrier, card.Driver, card.Boot));
        Assert.Equal(["10.0.0.7"], card.Addresses);
        Assert.Equal(new Processor("QEMU TCG CPU version 2.5+", MachineInventory.Architecture, 2, 2, 2), inventory.Processor);
        Assert.Equal(219544L << 10, inventory.MemoryBytes);
        Assert.Equal(FirmwareMode.Bios, inventory.Firmware);
        Assert.Equal(
            new SystemIdentity("QEMU", "Standard PC (i440FX + PIIX, 1996)", null, Guid.Parse("6f1d2f6c-3a3e-4f0e-9c8e-5d6f7a8b9c0d"), "SeaBIOS", "1.16.2-debian-1.16.2-1"),
            inventory.System);
    }

    [Fact]
    public void Read_RackServer_FindsEachPathAndNoVirtualDisk()
    {
        using var tree = new MachineTree("nvme-sata-san");

        var inventory = MachineInventory.Read(Of(tree), bootMac: null);

        Assert.Equal(
            [
                new Disk("nvme0n1", 1875385008L * 512, "S437NA0M100243", "eui.36344730529002430025384500000001", "SAMSUNG MZQLB960HAJR-00007", null, false, false, 4096, 4096, "pci-0000:3b:00.0-nvme-1", "nvme"),
                new Disk("sda", 937703088L * 512, "PHYF9512003H480BGN", "0x55cd2e4150a1b2c3", "INTEL SSDSC2KB48", "ATA", false, false, 512, 4096, "pci-0000:00:17.0-ata-1.0", "sata"),
                new Disk("sdb", 7811891200L * 512, "003f2e1d0cc0a8f123003a1d6c604609", "0x6d0946606c1d3a0023f1a8c00c1d2e3f", "PERC H730P Mini", "DELL", true, false, 512, 4096, "pci-0000:18:00.0-scsi-0:2:1:0", "scsi"),
                new Disk("sdc", 209715200L * 512, "F9D2A6B1C0DE4F0100011010", "0x624a9370f9d2a6b1c0de4f0100011010", "FlashArray", "PURE", false, false, 512, 512, null, "fc"),
                new Disk("sdd", 209715200L * 512, "F9D2A6B1C0DE4F0100011010", "0x624a9370f9d2a6b1c0de4f0100011010", "FlashArray", "PURE", false, false, 512, 512, null, "fc"),
            ],
            inventory.Disks);
        Assert.Equal([("eno1", 10000, true), ("eno2", null, false)], inventory.NetworkInterfaces.Select(card => (card.Name, card.SpeedMbit, card.Carrier)));
        Assert.All(inventory.NetworkInterfaces, card => Assert.Equal(("i40e", false), (card.Driver, card.Boot)));
        Assert.Equal(new Processor("Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz", MachineInventory.Architecture, 2, 4, 8), inventory.Processor);
        Assert.Equal(FirmwareMode.Uefi, inventory.Firmware);
        Assert.Equal("7XK2QN2", inventory.System.Serial);
    }

    [Fact]
    public void Read_CardsOfABond_HaveTheirOwnAddresses()
    {
        using var tree = new MachineTree("virtio-vm");
        tree.Write("/sys/class/net/eth0/address", "52:54:00:99:99:99\n");
        tree.Write("/sys/class/net/eth0/bonding_slave/perm_hwaddr", "52:54:00:12:34:56\n");

        var card = Assert.Single(MachineInventory.Read(Of(tree), "52:54:00:12:34:56").NetworkInterfaces);

        Assert.Equal(("52:54:00:12:34:56", true), (card.Mac, card.Boot));
    }

    [Fact]
    public void Read_MachineThatSaysNothing_IsEmptyButComplete()
    {
        using var tree = new MachineTree("virtio-vm");
        Directory.Delete(Path.Combine(tree.Root, "sys"), recursive: true);
        Directory.Delete(Path.Combine(tree.Root, "proc"), recursive: true);

        var inventory = MachineInventory.Read(Of(tree), bootMac: null);

        Assert.Empty(inventory.Disks);
        Assert.Empty(inventory.NetworkInterfaces);
        Assert.Equal(new SystemIdentity(null, null, null, null, null, null), inventory.System);
    }

    [Fact]
    public void Lines_RackServer_AreAlignedAndNameEachDisk()
    {
        using var tree = new MachineTree("nvme-sata-san");

        var lines = InventoryTable.Lines(MachineInventory.Read(Of(tree), "e4:43:4b:11:22:30")).ToList();

        Assert.Equal(
            [
                "system    Dell Inc. PowerEdge R640, serial 7XK2QN2, UUID 4c4c4544-0058-4b10-8032-b7c04f514e32",
                "firmware  UEFI, Dell Inc. 2.12.2",
                "cpu       Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz, 2 × 2 cores, 8 threads, x86_64",
                "memory    252 GiB",
                "disk      nvme0n1  894 GiB  ssd  4096/4096  SAMSUNG MZQLB960HAJR-00007, serial S437NA0M100243, wwn eui.36344730529002430025384500000001, pci-0000:3b:00.0-nvme-1",
            ],
            lines.Take(5));
        Assert.Equal("nic       eno1  e4:43:4b:11:22:30  10000 Mbit/s  i40e  10.0.0.7, booted from", lines[9]);
        Assert.Equal("nic       eno2  e4:43:4b:11:22:32  no link       i40e", lines[10]);
    }

    private static Machine Of(MachineTree tree) => new(tree.Root) { AddressesOf = name => name is "eth0" or "eno1" ? ["10.0.0.7"] : [] };
}
