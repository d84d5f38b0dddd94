using System.Diagnostics;
using System.Text;
using Baremetal.Api;
using Baremetal.DeployAgent.Inventory;
using Baremetal.Support;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Tests;

/// <summary>Config drives of an earlier life: found on disks and partitions, and removed where the order says so.</summary>
public sealed class ConfigDriveTests(SignedDisk image) : IClassFixture<SignedDisk>, IDisposable
{
    private const int MiB = 1 << 20;
    private const int PartitionStart = 8 * MiB;
    private const int PartitionLength = 34 * MiB;

    private readonly MachineTree _tree = new("virtio-vm");

    public void Dispose() => _tree.Dispose();

    [Theory]
    [InlineData("-F", "16", "CONFIG-2", true)]
    [InlineData("-F", "32", "CONFIG-2", true)]
    [InlineData("-F", "12", "config-2", true)]
    [InlineData("-F", "16", "CONFIG-22", false)]
    [InlineData("-F", "16", "ESP", false)]
    public async Task Search_Fat_FindsItByItsLabelOnADiskAndOnAPartition(string option, string bits, string label, bool isFound)
    {
        var disk = AddDisk();
        await MakeFatAsync(disk, 0, option, bits, "-n", label);
        Assert.Equal(isFound ? ["vdb"] : [], Found()!);

        File.WriteAllBytes(disk, new byte[AgentUnderTest.DiskBytes]);
        await MakeFatAsync(disk, PartitionStart, option, bits, "-n", label);
        Assert.Equal(isFound ? ["vdb1"] : [], Found()!);
    }

    [Theory]
    [InlineData("16")]
    [InlineData("32")]
    public async Task Search_FatWhoseBootSectorHasAnotherLabel_BelievesTheRootDirectory(string bits)
    {
        var disk = AddDisk();
        await MakeFatAsync(disk, 0, "-F", bits, "-n", "CONFIG-2");
        var bytes = File.ReadAllBytes(disk);
        "NO NAME    "u8.CopyTo(bytes.AsSpan(bits == "16" ? 43 : 71));
        File.WriteAllBytes(disk, bytes);

        Assert.Equal(["vdb"], Found()!);
    }

    [Theory]
    [InlineData("config-2", true)]
    [InlineData("CONFIG-2", true)]
    [InlineData("cidata", false)]
    public void Search_Iso_FindsItByItsLabel(string label, bool isFound)
    {
        var disk = AddDisk();
        WriteIso(disk, label);
        Assert.Equal(isFound ? ["vdb"] : [], Found()!);
    }

    [Fact]
    public void Search_OfNoiseAndOfDisksThatCannotBeRead_FindsNothing()
    {
        var disk = AddDisk();
        var noise = new byte[AgentUnderTest.DiskBytes];
        for (var seed = 0; seed < 50; seed++)
        {
            new Random(seed).NextBytes(noise.AsSpan(0, MiB));
            (noise[510], noise[511]) = (0x55, 0xaa);
            // A sector size that is one, so that all that follows is looked at.
            (noise[11], noise[12]) = (0, 2);
            File.WriteAllBytes(disk, noise);
            Assert.Empty(Found()!);
        }
        File.Delete(disk);
        Assert.Null(Found());
    }

    [Fact]
    public async Task Removal_OfADiskThatTheOrderNames_TakesItsConfigDriveAndNothingElse()
    {
        var disk = AddDisk();
        var before = new byte[AgentUnderTest.DiskBytes];
        Array.Fill(before, (byte)7);
        File.WriteAllBytes(disk, before);
        await MakeFatAsync(disk, PartitionStart, "-F", "16", "-n", "CONFIG-2");
        await using var conductor = await TestConductor.StartAsync();
        image.AddTo(conductor);
        conductor.Order = ask => conductor.Sign(Order(conductor, ask, Second));
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot());

        await agent.EndAsync();

        Assert.Contains(conductor.Reports, report => report is { Step: OrderSteps.RemoveConfigDrives, Outcome: StepOutcome.Done });
        Assert.Contains("The old config drive vdb1 is removed.", agent.Output, StringComparison.Ordinal);
        Assert.Empty(Found()!);
        var after = File.ReadAllBytes(disk);
        Assert.False(after.AsSpan(PartitionStart, MiB).ContainsAnyExcept((byte)0));
        Assert.Equal(before[..PartitionStart], after[..PartitionStart]);
        Assert.Equal(before[(PartitionStart + PartitionLength)..], after[(PartitionStart + PartitionLength)..]);
        image.AssertIsOn(_tree);
    }

    [Fact]
    public async Task Removal_OfADiskThatIsInUse_FailsNamingIt()
    {
        WriteIso(AddDisk(), "config-2");
        await using var conductor = await TestConductor.StartAsync();
        image.AddTo(conductor);
        conductor.Order = ask => conductor.Sign(Order(conductor, ask, Second));
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot(), openDisk: name => name == "vdb" ? (null, new Rejection("vdb is in use (md0 is built on it).", "Stop it.")) : null);

        await agent.UntilAsync("the failure", () => conductor.Reports.Any(report => report.Outcome == StepOutcome.Failed));
        conductor.Order = null;
        await agent.StopAsync();

        var failed = conductor.Reports.First(report => report.Outcome == StepOutcome.Failed);
        Assert.Equal((OrderSteps.RemoveConfigDrives, "vdb is in use (md0 is built on it). Stop it."), (failed.Step, failed.Cause));
        Assert.Equal(["vdb"], Found()!);
    }

    [Fact]
    public async Task Removal_ByADiskThatDoesNotKeepWhatIsWritten_Fails()
    {
        WriteIso(AddDisk(), "config-2");
        await using var conductor = await TestConductor.StartAsync();
        image.AddTo(conductor);
        conductor.Order = ask => conductor.Sign(Order(conductor, ask, Second));
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot(), openDisk: name => name == "vdb" ? (new RecordingTarget(new byte[AgentUnderTest.DiskBytes]), null) : null);

        await agent.UntilAsync("the failure", () => conductor.Reports.Any(report => report.Outcome == StepOutcome.Failed));
        conductor.Order = null;
        await agent.StopAsync();

        Assert.Contains("vdb still has its config drive, though it was zeroed.", conductor.Reports.First(report => report.Outcome == StepOutcome.Failed).Cause, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("of no disk")]
    [InlineData("without its step")]
    [InlineData("of the target")]
    public async Task Removal_OrderedWrongly_TouchesNothing(string fault)
    {
        var target = AddDisk();
        WriteIso(target, "config-2");
        await using var conductor = await TestConductor.StartAsync();
        image.AddTo(conductor);
        conductor.Order = ask => conductor.Sign(fault switch
        {
            "of no disk" => Order(conductor, ask, Second) with { RemoveConfigDrives = [] },
            "without its step" => conductor.OrderFor(ask, AgentUnderTest.Disk, OrderSteps.WriteImage) with { RemoveConfigDrives = [Second] },
            _ => Order(conductor, ask, AgentUnderTest.Disk),
        });
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot());

        await agent.UntilAsync("the refusal", () => conductor.Reports.Any(report => report.Outcome == StepOutcome.Failed));
        conductor.Order = null;
        await agent.StopAsync();

        Assert.Equal(0, agent.DiskOpened);
        Assert.Equal(["vdb"], Found()!);
    }

    private static TargetDisk Second => new(AgentUnderTest.DiskBytes, 512, Serial: "serial-vdb");

    private static DeployOrder Order(TestConductor conductor, AskOrder ask, TargetDisk second) =>
        conductor.OrderFor(ask, AgentUnderTest.Disk, OrderSteps.WriteImage, OrderSteps.RemoveConfigDrives, OrderSteps.Reboot) with { RemoveConfigDrives = [second] };

    private string[]? Found() => ConfigDriveSearch.OnAll(new Machine(_tree.Root), ["vdb"])[0];

    // What the agent reads of it and what it writes to it is one file.
    private string AddDisk()
    {
        AgentUnderTest.AddDisk(_tree, "vdb");
        _tree.Write("/sys/block/vdb/vdb1/partition", "1\n");
        _tree.Write("/sys/block/vdb/vdb1/start", $"{PartitionStart / 512}\n");
        _tree.Write("/sys/block/vdb/vdb1/size", $"{PartitionLength / 512}\n");
        var disk = AgentUnderTest.DiskPath(_tree, "vdb");
        File.WriteAllBytes(disk, new byte[AgentUnderTest.DiskBytes]);
        Directory.CreateDirectory(Path.Join(_tree.Root, "dev"));
        File.CreateSymbolicLink(Path.Join(_tree.Root, "dev", "vdb"), disk);
        return disk;
    }

    private static async Task MakeFatAsync(string disk, int start, params string[] options)
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllBytesAsync(file, new byte[PartitionLength]);
            using var mkfs = Process.Start(new ProcessStartInfo("mkfs.vfat", [.. options, file]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true })!;
            var said = await mkfs.StandardError.ReadToEndAsync();
            await mkfs.WaitForExitAsync();
            Assert.True(mkfs.ExitCode == 0, said);
            using var stream = File.OpenWrite(disk);
            stream.Position = start;
            await stream.WriteAsync(await File.ReadAllBytesAsync(file));
        }
        finally
        {
            File.Delete(file);
        }
    }

    // As much of an ISO 9660 as names it (ECMA-119, 8.4).
    private static void WriteIso(string disk, string label)
    {
        var volume = new byte[2048];
        volume[0] = 1;
        "CD001"u8.CopyTo(volume.AsSpan(1));
        Encoding.ASCII.GetBytes(label.PadRight(32)).CopyTo(volume, 40);
        using var stream = File.OpenWrite(disk);
        stream.Position = 32768;
        stream.Write(volume);
    }
}
