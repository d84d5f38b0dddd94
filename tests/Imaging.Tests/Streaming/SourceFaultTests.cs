using Baremetal.Imaging.Sources;
using Baremetal.Imaging.Streaming;
using Baremetal.Support;

namespace Baremetal.Imaging.Tests.Streaming;

/// <summary>Servers that cut, stall and deny, on real sockets.</summary>
public sealed class SourceFaultTests : IDisposable
{
    private const int DiskSize = 24 << 20;

    // As patient as a deploy, but with longer pauses: each of them takes a moment of real time.
    private static readonly RetryPolicy _patient = RetryPolicy.Patient with { MaxDelay = TimeSpan.FromMinutes(2) };

    private readonly TestFolder _folder = new();
    private readonly string _raw;
    private readonly TestImage _image;
    private readonly byte[] _file;
    private readonly RecordingTarget _target = new(new byte[DiskSize]);

    public SourceFaultTests()
    {
        _raw = _folder.MakeDisk("disk.raw", DiskSize, seed: 8);
        _image = TestImage.Sign(_folder.Convert(_raw, "disk.qcow2", "-c"));
        _file = File.ReadAllBytes(_image.Path);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Server_ThatServes_IsAskedForLittleMoreThanTheFile()
    {
        using var server = new RangeServer(_file);

        var outcome = Write(server, TimeProvider.System);

        AssertWritten(outcome);
        // The ends and the tables are asked for twice at most.
        Assert.InRange(outcome.Figures.WireBytes, 1, _file.Length + (6 << 20));
    }

    [Theory]
    [InlineData(AfterCut.Close)]
    [InlineData(AfterCut.Reset)]
    public void Server_ThatCutsEverySecondAnswer_IsAskedAgain(AfterCut cut)
    {
        using var server = new RangeServer(_file, request => request.Number % 2 == 0 ? new Fault(SendOnly: 100_000, Then: cut) : null);

        AssertWritten(WriteOnManualClock(server, out _));
    }

    [Fact]
    public void Server_ThatFailsAWhile_IsAskedAgainAfterAPause()
    {
        using var server = new RangeServer(_file, request => request.Number is > 3 and < 8 ? new Fault(Status: 503) : null);

        AssertWritten(WriteOnManualClock(server, out var clock));
        Assert.True(clock.GetUtcNow() >= new ManualClock().GetUtcNow() + new RetryPolicy().FirstDelay, "nothing was waited for");
    }

    [Fact]
    public void Server_ThatStalls_IsCutAndAskedAgain()
    {
        using var server = new RangeServer(_file, request => request.Number == 4 ? new Fault(SendOnly: 70_000, Then: AfterCut.Stall) : null);

        AssertWritten(WriteThroughStalls(server, out var clock));
        Assert.True(clock.GetUtcNow() >= new ManualClock().GetUtcNow() + new HttpLimits().StallTime, "it was cut before the limit");
    }

    [Fact]
    public void Server_ThatStallsForGood_FailsAndLeavesTheDiskUnbootable()
    {
        using var server = new RangeServer(_file, _ => HasBegun ? new Fault(SendOnly: 70_000, Then: AfterCut.Stall) : null);

        var outcome = WriteThroughStalls(server, out _);

        Assert.Equal(WriteStatus.Failed, outcome.Status);
        Assert.Contains("stalled at byte", outcome.Reason!.Cause, StringComparison.Ordinal);
        Assert.Contains("It was tried 11 times", outcome.Reason.Cause, StringComparison.Ordinal);
        Assert.False(Disks.Boots(_target.Disk));
    }

    [Fact]
    public void Source_AwayForTwentyMinutes_IsWaitedForByThePatient()
    {
        var clock = new ManualClock();
        var back = clock.GetUtcNow() + TimeSpan.FromMinutes(20);
        using var server = new RangeServer(_file, _ => HasBegun && clock.GetUtcNow() < back ? new Fault(Status: 503) : null);

        AssertWritten(WriteOnManualClock([server], clock, _patient));
        Assert.True(clock.GetUtcNow() >= back, "it was never away");
    }

    [Fact]
    public void Source_GoneForGood_IsGivenUpWhenPatienceEnds()
    {
        var clock = new ManualClock();
        using var server = new RangeServer(_file, _ => HasBegun ? new Fault(Status: 503) : null);

        var outcome = WriteOnManualClock([server], clock, _patient);

        Assert.Equal(WriteStatus.Failed, outcome.Status);
        Assert.Contains("answered 503", outcome.Reason!.Cause, StringComparison.Ordinal);
        Assert.InRange(clock.GetUtcNow() - new ManualClock().GetUtcNow(), _patient.Patience, _patient.Patience + (2 * _patient.MaxDelay));
    }

    [Fact]
    public void Sources_AllAwayForTwentyMinutes_NoneIsGivenUpForAnother()
    {
        var clock = new ManualClock();
        var back = clock.GetUtcNow() + TimeSpan.FromMinutes(20);
        using var gone = new RangeServer(_file, _ => HasBegun ? new Fault(Status: 503) : null);
        using var away = new RangeServer(_file, _ => HasBegun && clock.GetUtcNow() < back ? new Fault(Status: 503) : null);

        AssertWritten(WriteOnManualClock([gone, away], clock, _patient));
        Assert.True(clock.GetUtcNow() >= back, "it was never away");
    }

    [Theory]
    [InlineData(404, "answered 404")]
    [InlineData(403, "answered 403")]
    [InlineData(416, "is not the one of")]
    public void Server_ThatDenies_IsNotAskedAgain(int status, string reason)
    {
        var denied = 0;
        using var server = new RangeServer(_file, _ => HasBegun && Interlocked.Increment(ref denied) > 0 ? new Fault(Status: status) : null);

        var outcome = Write(server, new ManualClock());

        Assert.Equal(WriteStatus.Failed, outcome.Status);
        Assert.Contains(reason, outcome.Reason!.Cause, StringComparison.Ordinal);
        // One denial for each connection, no more.
        Assert.InRange(denied, 1, 2);
        Assert.False(Disks.Boots(_target.Disk));
    }

    [Fact]
    public void Server_WithoutRanges_IsRefusedWithARemedy()
    {
        using var server = new RangeServer(_file, _ => new Fault(IgnoreRange: true));

        AssertRefused(Write(server, new ManualClock()), "does not answer ranges");
    }

    [Theory]
    [InlineData(301)]
    [InlineData(302)]
    [InlineData(307)]
    public void Server_ThatRedirects_IsRefusedNamingTheTarget(int status)
    {
        using var target = new RangeServer(_file);
        using var server = new RangeServer(_file, _ => new Fault(Status: status, Location: target.Address.ToString()));

        AssertRefused(Write(server, new ManualClock()), $"redirects to {target.Address}");
        Assert.Empty(target.Requests);
    }

    [Fact]
    public void Server_ThatRedirectsWithinItself_IsRefusedNamingTheWholeAddress()
    {
        using var server = new RangeServer(_file, _ => new Fault(Status: 302, Location: "/elsewhere/image"));

        AssertRefused(Write(server, new ManualClock()), $"redirects to {new Uri(server.Address, "/elsewhere/image")}");
    }

    [Fact]
    public void Server_WithACutFile_IsRefused()
    {
        using var server = new RangeServer(_file[..^4096]);

        AssertRefused(Write(server, new ManualClock()), $"has {_file.Length - 4096} bytes; the signed manifest says {_file.Length}");
    }

    [Fact]
    public void File_CutOff_IsRefused()
    {
        File.WriteAllBytes(_image.Path, _file[..^4096]);

        AssertRefused(Writing.To(_target, _image), $"has {_file.Length - 4096} bytes; the signed manifest says {_file.Length}");
    }

    [Fact]
    public void File_BehindALink_IsWritten()
    {
        File.Move(_image.Path, _image.Path + ".moved");
        File.CreateSymbolicLink(_image.Path, _image.Path + ".moved");

        Assert.Equal(WriteStatus.Written, Writing.To(_target, _image).Status);
    }

    [Fact]
    public void File_ThatIsAPipe_IsRefusedAndNotWaitedFor()
    {
        File.Delete(_image.Path);
        Shell.Run("mkfifo", _image.Path);

        AssertRefused(Writing.To(_target, _image), "has 0 bytes");
    }

    [Fact]
    public void Mirror_ThatIsGone_IsReplacedByTheOther()
    {
        using var gone = new RangeServer(_file, _ => new Fault(Status: 404));
        // Else it might do all the work before the other is asked.
        using var good = new RangeServer(_file, _ => gone.Requests.Count == 0 ? new Fault(Status: 503) : null);

        var outcome = Writing.From([new HttpSource(gone.Address, TimeProvider.System), new HttpSource(good.Address, TimeProvider.System)], _target, _image);

        AssertWritten(outcome);
        Assert.Contains(gone.Address.ToString(), Assert.Single(outcome.Figures.DroppedSources), StringComparison.Ordinal);
    }

    [Fact]
    public void Cancelled_WhileTheServerStalls_FailsAtOnceAndLeavesTheDiskUnbootable()
    {
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        using var server = new RangeServer(_file, _ =>
        {
            if (!HasBegun)
                return null;
            cancel.Cancel();
            return new Fault(SendOnly: 1000, Then: AfterCut.Stall);
        });

        var outcome = ImageWriter.Write(_image.Verified, [new HttpSource(server.Address, TimeProvider.System)], _target, new WriteOptions(), new WriteProgress(), TimeProvider.System, cancel.Token);

        Assert.Equal(WriteStatus.Failed, outcome.Status);
        Assert.Contains("cancelled", outcome.Reason!.Cause, StringComparison.Ordinal);
        Assert.False(Disks.Boots(_target.Disk));
    }

    // Faults that must come after the point of no return wait for it.
    private bool HasBegun => _target.Writes.Count > 0;

    private WriteOutcome Write(RangeServer server, TimeProvider time) => Writing.From([new HttpSource(server.Address, time)], _target, _image, time: time);

    private WriteOutcome WriteOnManualClock(RangeServer server, out ManualClock clock) => WriteOnManualClock([server], clock = new ManualClock(), new RetryPolicy());

    /// <summary>Moves the pauses between attempts alone: no server is too slow because this machine is.</summary>
    private WriteOutcome WriteOnManualClock(RangeServer[] servers, ManualClock clock, RetryPolicy retries) =>
        Writing.OnClock(clock, Addresses(servers), _target, _image, new WriteOptions(Retries: retries), TimeSpan.FromMilliseconds(5), limits: TimeProvider.System);

    /// <summary>Moves the limits of a slow server too.</summary>
    private WriteOutcome WriteThroughStalls(RangeServer server, out ManualClock clock) =>
        Writing.OnClock(clock = new ManualClock(), Addresses(server), _target, _image, new WriteOptions(), TimeSpan.FromMilliseconds(100));

    private static Uri[] Addresses(params RangeServer[] servers) => Array.ConvertAll(servers, server => server.Address);

    private void AssertWritten(WriteOutcome outcome)
    {
        Assert.True(outcome.Status == WriteStatus.Written, outcome.Reason?.ToString());
        Assert.True(_target.Disk.AsSpan().SequenceEqual(File.ReadAllBytes(_raw)), "the disk differs from the image");
    }

    private void AssertRefused(WriteOutcome outcome, string reason)
    {
        Assert.Equal(WriteStatus.Refused, outcome.Status);
        Assert.Contains(reason, outcome.Reason!.Cause, StringComparison.Ordinal);
        Assert.Empty(_target.Writes);
    }
}
