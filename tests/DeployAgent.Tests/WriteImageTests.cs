using System.Collections.Concurrent;
using Baremetal.Api;
using Baremetal.Imaging.Sources;
using Baremetal.Support;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Tests;

/// <summary>An ordered image that is written, or refused before the disk is touched, or leaves it unbootable.</summary>
public sealed class WriteImageTests(SignedDisk image) : IClassFixture<SignedDisk>, IDisposable
{
    private const string EfiVariables = "/sys/firmware/efi/efivars";
    private const string Vendor = "-8be4df61-93ca-11d2-aa0d-00e098032b8c";
    private static readonly string[] AllSteps = [OrderSteps.WriteImage, OrderSteps.SetBootDisk, OrderSteps.Reboot];

    private readonly MachineTree _tree = new("virtio-vm");

    public void Dispose() => _tree.Dispose();

    [Fact]
    public async Task WriteImage_MirrorThatIsDropped_IsNamedOnTheConsoleAndInTheReport()
    {
        await using var conductor = await TestConductor.StartAsync();
        image.AddTo(conductor);
        using var empty = new RangeServer([], _ => new Fault(Status: 404));
        conductor.Mirrors.Add($"{empty.Address}/");
        // It is asked for the two indexes, and then for the image, before the conductor has done all the work; and its answer to the last has come by
        // the time that the conductor has been asked a third time since.
        var since = 0;
        conductor.BlobIsAway = digest => digest == Digest.Of(image.Bytes).ToString() && (empty.Requests.Count < 3 || Interlocked.Increment(ref since) <= 2);
        conductor.Order = ask => conductor.Sign(conductor.OrderFor(ask, AgentUnderTest.Disk, OrderSteps.WriteImage, OrderSteps.Reboot));
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot());

        await agent.EndAsync();

        image.AssertIsOn(_tree);
        var dropped = Assert.Single(conductor.Reports.ElementAt(1).Result!.DroppedSources!);
        Assert.Matches($"^{empty.Address}/[0-9a-f]+ answered 404 Fault.$", dropped);
        Assert.Contains($"Source dropped: {dropped}", agent.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WriteImage_NoEspForTheBootEntryUnderUefi_FailsBeforeTheDiskIsTouched()
    {
        _tree.Write($"{EfiVariables}/Boot0000{Vendor}", [7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        using var without = SignedDisk.WithoutEsp();
        await using var conductor = await TestConductor.StartAsync();
        without.AddTo(conductor);
        conductor.Order = ask => conductor.Sign(conductor.OrderFor(ask, AgentUnderTest.Disk, AllSteps));
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot());

        await agent.UntilAsync("the failure", () => conductor.Reports.Any(report => report.Outcome == StepOutcome.Failed));
        conductor.Order = null;
        await agent.StopAsync();

        var failed = conductor.Reports.First(report => report.Outcome == StepOutcome.Failed);
        Assert.Equal(OrderSteps.WriteImage, failed.Step);
        Assert.Contains("has no GPT with an EFI system partition", failed.Cause, StringComparison.Ordinal);
        Assert.True(File.ReadAllBytes(AgentUnderTest.DiskPath(_tree)).AsSpan().IndexOfAnyExcept((byte)0) < 0);
    }

    [Fact]
    public async Task WriteImage_NoEspAndNoBootEntryOrdered_IsWritten()
    {
        _tree.Write($"{EfiVariables}/Boot0000{Vendor}", [7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        using var without = SignedDisk.WithoutEsp();
        await using var conductor = await TestConductor.StartAsync();
        without.AddTo(conductor);
        conductor.Order = ask => conductor.Sign(conductor.OrderFor(ask, AgentUnderTest.Disk, OrderSteps.WriteImage, OrderSteps.Reboot));
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot());

        await agent.EndAsync();

        Assert.Equal(1, agent.Restarts);
    }

    [Fact]
    public async Task WriteImage_OrderExpiresBeforeTheFirstWrite_IsAskedForAnewAndWritten()
    {
        var clock = new JumpingClock();
        await using var conductor = await TestConductor.StartAsync();
        image.AddTo(conductor);
        var held = new TaskCompletionSource();
        conductor.ManifestIsReady = held.Task;
        conductor.Order = ask => conductor.Sign(conductor.OrderFor(ask, AgentUnderTest.Disk, AllSteps));
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot(), clock);
        await agent.UntilAsync("the step to begin", () => !conductor.Reports.IsEmpty);

        clock.Jump(TimeSpan.FromMinutes(11));
        held.SetResult();
        await agent.EndAsync();

        Assert.Equal(2, conductor.Nonces.Distinct(StringComparer.Ordinal).Count());
        Assert.DoesNotContain(conductor.Reports, report => report.Outcome == StepOutcome.Failed);
        Assert.Equal(2, agent.DiskOpened);
        image.AssertIsOn(_tree);
    }

    [Fact]
    public async Task WriteImage_OrderExpiresAfterTheFirstWrite_IsFinished()
    {
        var clock = new JumpingClock();
        await using var conductor = await TestConductor.StartAsync(certificateLife: TimeSpan.FromDays(1));
        image.AddTo(conductor);
        await File.WriteAllBytesAsync(AgentUnderTest.DiskPath(_tree), new byte[AgentUnderTest.DiskBytes], TestContext.Current.CancellationToken);
        File.SetLastWriteTimeUtc(AgentUnderTest.DiskPath(_tree), DateTime.UnixEpoch);
        conductor.BlobIsAway = _ =>
        {
            // Once the disk is being written, minutes pass before each answer.
            if (File.GetLastWriteTimeUtc(AgentUnderTest.DiskPath(_tree)) > DateTime.UnixEpoch)
                clock.Jump(TimeSpan.FromMinutes(11));
            return false;
        };
        conductor.Order = ask => conductor.Sign(conductor.OrderFor(ask, AgentUnderTest.Disk, AllSteps));
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot(), clock);

        await agent.EndAsync();

        Assert.True(clock.GetUtcNow() > TimeProvider.System.GetUtcNow().AddMinutes(10), "no time passed");
        Assert.Single(conductor.Nonces);
        image.AssertIsOn(_tree);
    }

    [Theory]
    [InlineData("firmware", "boots under uefi; this machine has bios")]
    [InlineData("arch", "is for riscv64; this machine is x86_64")]
    [InlineData("manifest", "valid signature(s) of the image role")]
    [InlineData("other manifest", "the order names", FailureCodes.SourceFailed)]
    [InlineData("index", "cannot be had", FailureCodes.SourceFailed)]
    [InlineData("long index", "the signed manifest says", FailureCodes.SourceFailed)]
    [InlineData("config drive", "is not the one that was ordered", FailureCodes.SourceFailed)]
    public async Task WriteImage_SomethingIsNotWhatWasSigned_FailsBeforeTheDiskIsTouched(string fault, string cause, string code = FailureCodes.ImageRefused)
    {
        await using var conductor = await TestConductor.StartAsync();
        image.AddTo(conductor, fault == "arch" ? "riscv64" : "x86_64", fault == "firmware" ? ["uefi"] : []);
        conductor.Order = ask =>
        {
            conductor.ConfigDrive = [1];
            var order = conductor.OrderFor(ask, AgentUnderTest.Disk, AllSteps);
            conductor.ConfigDrive = [.. fault == "config drive" ? new byte[] { 2 } : [1]];
            return conductor.Sign(fault == "other manifest" ? order with { ManifestSha256 = Digest.Of("x"u8) } : order);
        };
        if (fault == "manifest")
            conductor.Manifest = Tampered(conductor.Manifest);
        foreach (var index in conductor.Blobs.Where(blob => fault == "index" && blob.Value.Length < 4096).ToList())
            conductor.Blobs[index.Key] = [.. index.Value.Select(value => (byte)(value ^ 1))];
        foreach (var index in conductor.Blobs.Where(blob => fault == "long index" && blob.Value.Length < 4096).ToList())
            conductor.Blobs[index.Key] = [.. index.Value, .. new byte[48 << 20]];
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot());

        await agent.UntilAsync("the failure", () => conductor.Reports.Any(report => report.Outcome == StepOutcome.Failed));
        conductor.Order = null;
        await agent.StopAsync();

        var failed = conductor.Reports.First(report => report.Outcome == StepOutcome.Failed);
        Assert.Equal((OrderSteps.WriteImage, code), (failed.Step, failed.Code));
        Assert.Contains(cause, failed.Cause, StringComparison.Ordinal);
        Assert.True(!File.Exists(AgentUnderTest.DiskPath(_tree)) || File.ReadAllBytes(AgentUnderTest.DiskPath(_tree)).AsSpan().IndexOfAnyExcept((byte)0) < 0);
        Assert.Equal(0, agent.Restarts);
    }

    [Fact]
    public async Task WriteImage_SourceHasOneFlippedBit_FailsAndLeavesNoBootSector()
    {
        await using var conductor = await TestConductor.StartAsync();
        image.AddTo(conductor);
        var source = conductor.Blobs.Single(blob => blob.Value.Length == SignedDisk.Size);
        conductor.Blobs[source.Key] = [.. source.Value];
        conductor.Blobs[source.Key][9 << 20] ^= 1;
        conductor.Order = ask => conductor.Sign(conductor.OrderFor(ask, AgentUnderTest.Disk, AllSteps));
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot());

        await agent.UntilAsync("the failure", () => conductor.Reports.Any(report => report.Outcome == StepOutcome.Failed));
        conductor.Order = null;
        await agent.StopAsync();

        var failed = conductor.Reports.First(report => report.Outcome == StepOutcome.Failed);
        Assert.Contains("chunk 9", failed.Cause, StringComparison.Ordinal);
        Assert.Equal(FailureCodes.SourceFailed, failed.Code);
        Assert.True((await File.ReadAllBytesAsync(AgentUnderTest.DiskPath(_tree), TestContext.Current.CancellationToken)).AsSpan(0, 512).IndexOfAnyExcept((byte)0) < 0);
        Assert.Equal(0, agent.Restarts);
    }

    [Theory]
    [InlineData("index")]
    [InlineData("image")]
    public async Task WriteImage_AbortedWhileItWaitsForItsSource_EndsAtOnce(string away)
    {
        await using var conductor = await TestConductor.StartAsync();
        image.AddTo(conductor);
        conductor.BlobIsAway = digest =>
        {
            var isAway = away == "index" || conductor.Blobs[digest].Length == SignedDisk.Size;
            conductor.Abort |= isAway;
            return isAway;
        };
        conductor.Order = ask => conductor.Sign(conductor.OrderFor(ask, AgentUnderTest.Disk, AllSteps));
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot());

        await agent.UntilAsync("the end of the aborted step", () => conductor.Reports.Any(report => report.Outcome == StepOutcome.Failed));
        conductor.Abort = false;
        conductor.BlobIsAway = _ => false;
        conductor.Order = ask => conductor.Sign(conductor.OrderFor(ask, AgentUnderTest.Disk, OrderSteps.Reboot));
        await agent.EndAsync();

        Assert.Equal(1, agent.Restarts);
    }

    [Fact]
    public async Task WriteImage_BlobsAreAwayLongerThanByHandItIsWaited_IsWritten()
    {
        await using var conductor = await TestConductor.StartAsync();
        image.AddTo(conductor);
        var asked = new ConcurrentDictionary<string, int>(StringComparer.Ordinal);
        // By two threads, which count as one.
        var denials = 3 * new RetryPolicy().MaxRetries;
        conductor.BlobIsAway = digest => asked.AddOrUpdate(digest, 1, (_, count) => count + 1) <= denials;
        conductor.Order = ask => conductor.Sign(conductor.OrderFor(ask, AgentUnderTest.Disk, AllSteps));
        await using var agent = AgentUnderTest.Start(_tree, conductor.Boot(), new HastyClock());

        await agent.EndAsync();

        Assert.True(asked.Count == 3 && asked.Values.All(count => count > denials), "not all of them were away");
        Assert.Equal(3, conductor.Reports.Count(report => report.Outcome == StepOutcome.Done));
        image.AssertIsOn(_tree);
    }

    private static byte[] Tampered(byte[] envelope)
    {
        var text = System.Text.Encoding.UTF8.GetString(envelope);
        var at = text.IndexOf("\"sig\":\"", StringComparison.Ordinal) + 40;
        return System.Text.Encoding.UTF8.GetBytes(string.Concat(text.AsSpan(0, at), text[at] == 'A' ? "B" : "A", text.AsSpan(at + 1)));
    }
}

/// <summary>Real time, in which pauses pass in a hundredth of theirs. Limits, which are longer, stay as they are.</summary>
file sealed class HastyClock : TimeProvider
{
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        base.CreateTimer(callback, state, dueTime > TimeSpan.Zero && dueTime <= new RetryPolicy().MaxDelay ? dueTime / 100 : dueTime, period);
}
