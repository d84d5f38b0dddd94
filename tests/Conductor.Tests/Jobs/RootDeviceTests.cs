using Baremetal.Api;
using Baremetal.Conductor.Jobs;

namespace Baremetal.Conductor.Tests.Jobs;

public sealed class RootDeviceTests
{
    private static readonly Disk Small = new("sda", 100, "S1", "0x5000a", "Model A", null, false, false, 512, 512, "pci-1");
    private static readonly Disk Large = new("sdb", 200, "S2", "0x5000b", "Model A", null, false, false, 512, 512, "pci-2");
    private static readonly Disk SecondPath = Large with { Name = "sdc", ByPath = "pci-3" };
    private static readonly Disk Locked = new("sdd", 300, "S4", null, "Model B", null, false, ReadOnly: true, 512, 512, "pci-4");

    private static string Refusal(RootDeviceHints? hints, params Disk[] disks)
    {
        Assert.False(RootDevice.TryChoose(disks, hints, out var chosen, out var rejection));
        Assert.Null(chosen);
        return rejection.ToString();
    }

    private static Disk Chosen(RootDeviceHints? hints, params Disk[] disks)
    {
        Assert.True(RootDevice.TryChoose(disks, hints, out var chosen, out var rejection), rejection?.ToString());
        return chosen;
    }

    [Fact]
    public void OneDisk_WithoutHints_IsChosen() => Assert.Equal(Small, Chosen(null, Small, Locked));

    [Fact]
    public void SeveralDisks_WithoutHints_AreRefusedAndListed()
    {
        var refusal = Refusal(new RootDeviceHints(), Small, Large);
        Assert.Contains("S1", refusal, StringComparison.Ordinal);
        Assert.Contains("S2", refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void TwoPathsToOneDisk_AreOneDisk() => Assert.Equal(Large, Chosen(null, Large, SecondPath));

    [Fact]
    public void TwoDisksOfOneWwn_AreTwoDisks()
    {
        Assert.StartsWith("The node has 2 disks", Refusal(null, Large, SecondPath with { Serial = "S9" }), StringComparison.Ordinal);
        Assert.StartsWith("The node has 2 disks", Refusal(null, Large, SecondPath with { SizeBytes = 201 }), StringComparison.Ordinal);
        Assert.StartsWith("The node has 2 disks", Refusal(null, Large with { Serial = null }, SecondPath with { Serial = null }), StringComparison.Ordinal);
        Assert.StartsWith("2 disks match", Refusal(new RootDeviceHints(Wwn: "0x5000b"), Large, SecondPath with { Serial = "S9" }), StringComparison.Ordinal);
    }

    [Fact]
    public void EachHint_ChoosesItsDisk()
    {
        RootDeviceHints[] hints = [new(Serial: " s2 "), new(Wwn: "0X5000B"), new(ByPath: "pci-2"), new(Name: "/dev/sdb"), new(Name: "sdb"), new(SizeBytes: 200), new(Serial: "S2", Model: "Model A")];
        Assert.All(hints, hint => Assert.Equal(Large, Chosen(hint, Small, Large)));
    }

    [Fact]
    public void HintsOfAKind_ChooseTheOneDiskOfIt()
    {
        var fast = Large with { Name = "nvme0n1", Bus = "nvme", Serial = "S7", Wwn = "eui.7" };
        var spinning = Large with { Name = "sde", Bus = "sata", Rotational = true, Serial = "S8", Wwn = "0x8", SizeBytes = 400 };
        Assert.All(
            new RootDeviceHints[] { new(Bus: "NVMe"), new(Rotational: false, MinSizeBytes: 101), new(MinSizeBytes: 200, MaxSizeBytes: 399), new(Bus: "nvme", Rotational: false) },
            hints => Assert.Equal(fast, Chosen(hints, Small, fast, spinning)));
        Assert.Equal(spinning, Chosen(new RootDeviceHints(Rotational: true), Small, fast, spinning));
        Assert.StartsWith("No disk of the node matches the root device hints (at least 401, rotational yes)", Refusal(new RootDeviceHints(MinSizeBytes: 401, Rotational: true), Small, fast, spinning), StringComparison.Ordinal);
        // An agent of before told no bus, and what is not known matches nothing.
        Assert.StartsWith("No disk", Refusal(new RootDeviceHints(Bus: "sata"), Small, Large), StringComparison.Ordinal);
    }

    [Fact]
    public void HintsThatContradict_MatchNothing() => Assert.StartsWith("No disk", Refusal(new RootDeviceHints(Serial: "S1", SizeBytes: 200), Small, Large), StringComparison.Ordinal);

    [Fact]
    public void HintThatMatchesTwo_IsRefused() => Assert.StartsWith("2 disks match", Refusal(new RootDeviceHints(Model: "Model A"), Small, Large), StringComparison.Ordinal);

    [Fact]
    public void HintThatMatchesNothing_NeverFallsBackToTheOnlyDisk() => Assert.StartsWith("No disk", Refusal(new RootDeviceHints(Serial: "other"), Small), StringComparison.Ordinal);

    [Fact]
    public void NoDisk_IsRefused() => Assert.StartsWith("The node has no disk", Refusal(null, Locked), StringComparison.Ordinal);
}
