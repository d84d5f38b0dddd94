using System.Diagnostics;
using System.Text.Json;
using Baremetal.Imaging.Signing;
using Baremetal.Support;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Tests.Write;

/// <summary><c>deploy-agent write</c> as a process: what it leaves on the disk, what it says, and its exit code.</summary>
public sealed class WriteCommandTests : IDisposable
{
    private const int DiskSize = 24 << 20;

    private static readonly TimeSpan _longest = TimeSpan.FromMinutes(2);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("baremetal-write-");
    private readonly SigningKey _root = SigningKey.Create();
    private readonly SigningKey _key = SigningKey.Create();
    private readonly byte[] _disk = new byte[DiskSize];
    private readonly string _manifest;

    public WriteCommandTests()
    {
        new Random(1).NextBytes(_disk.AsSpan(0, DiskSize / 2));
        File.WriteAllBytes(At("disk.raw"), _disk);
        _manifest = Sign();
        SaveTrust(TrustDocument.First(_root.Public, _key.Public, DateTimeOffset.MaxValue));
    }

    public void Dispose()
    {
        _root.Dispose();
        _key.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public void Write_FromAServerToANewFile_WritesAndExits0()
    {
        using var server = new RangeServer(_disk);

        var (code, output) = Write("--source", server.Address.ToString(), "--progress", "json", "--read-back");

        Assert.True(code == 0, output);
        Assert.Equal(_disk, File.ReadAllBytes(At("target")));
        var last = JsonDocument.Parse(output.TrimEnd().Split('\n')[^1]).RootElement;
        Assert.Equal("written", last.GetProperty("status").GetString());
        Assert.Equal(DiskSize, last.GetProperty("writtenBytes").GetInt64() + last.GetProperty("zeroedBytes").GetInt64());
    }

    [Fact]
    public void Write_OneSourceIsDropped_IsWrittenAndSaysWhichAndWhy()
    {
        using var empty = new RangeServer([], _ => new Fault(Status: 404));
        // Else it might do all the work before the other is asked.
        using var good = new RangeServer(_disk, _ => empty.Requests.Count == 0 ? new Fault(Status: 503) : null);

        var (code, output) = Write("--source", empty.Address.ToString(), "--source", good.Address.ToString());

        Assert.True(code == 0, output);
        Assert.Contains($"Source dropped: {empty.Address} answered 404 Fault.", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_WithAFlippedBitInTheManifest_IsRefusedWith4()
    {
        var bytes = File.ReadAllText(_manifest);
        var payload = bytes.IndexOf("payload\":\"", StringComparison.Ordinal) + 40;
        File.WriteAllText(_manifest, bytes[..payload] + (bytes[payload] == 'A' ? 'B' : 'A') + bytes[(payload + 1)..]);

        AssertRefused(Write("--source", At("disk.raw")), "valid signature(s)");
    }

    [Fact]
    public void Write_WithAFlippedBitInAnIndex_IsRefusedWith4()
    {
        foreach (var index in Directory.GetFiles(_folder.FullName, "*.index"))
        {
            var good = File.ReadAllBytes(index);
            File.WriteAllBytes(index, Mutator.FlipBit(good, 77));
            AssertRefused(Write("--source", At("disk.raw")), "other bytes");
            File.WriteAllBytes(index, good);
        }
    }

    [Fact]
    public void Write_WithAFlippedBitInTheSource_LeavesTheTargetWithoutBootSector()
    {
        File.WriteAllBytes(At("disk.raw"), Mutator.FlipBit(_disk, 8 * 9_000_000));
        var (code, output) = Write("--source", At("disk.raw"));

        Assert.True(code == 1, output);
        Assert.Contains("does not boot", output, StringComparison.Ordinal);
        Assert.All(File.ReadAllBytes(At("target"))[..512], value => Assert.Equal(0, value));
    }

    [Fact]
    public void Write_SignedBySomebodyElse_IsRefusedWith4()
    {
        using var other = SigningKey.Create();
        SaveTrust(TrustDocument.First(_root.Public, other.Public, DateTimeOffset.MaxValue));

        AssertRefused(Write("--source", At("disk.raw")), "valid signature(s)");
    }

    [Fact]
    public void Write_WithAnExpiredTrustDocument_IsRefusedUnlessAtThatTime()
    {
        SaveTrust(TrustDocument.First(_root.Public, _key.Public, new DateTimeOffset(2020, 1, 1, 0, 0, 0, TimeSpan.Zero)));

        AssertRefused(Write("--source", At("disk.raw")), "expired at 2020-01-01");
        var (code, output) = Write("--source", At("disk.raw"), "--at", "2019-12-31T00:00:00Z");
        Assert.True(code == 0, output);
    }

    [Fact]
    public void Write_FromAFileThatIsNotThere_IsRefusedAndLeavesNoTarget() =>
        AssertRefused(Write("--source", At("nowhere")), "nowhere cannot be read");

    [Theory]
    [InlineData("--progress json >/dev/full")]
    [InlineData("2>/dev/full")]
    [InlineData("2>&-")]
    [InlineData("--progress json >&- 2>&- <&-")]
    public void Write_WithAnOutputThatTakesNothing_IsWrittenAndExits0(string how)
    {
        using var slow = new RangeServer(_disk, request => request.Number <= 1 ? new Fault(Status: 503) : null);
        var command = $"{Path.Combine(AppContext.BaseDirectory, "deploy-agent")} write --manifest {_manifest} --trust {At("trust.dsse.json")} --target {At("target")} --source {slow.Address} {how}";
        using var shell = Process.Start(new ProcessStartInfo("sh", ["-c", command]) { UseShellExecute = false })!;

        Assert.True(shell.WaitForExit(_longest), $"deploy-agent did not end within {_longest}");
        Assert.Equal(0, shell.ExitCode);
        Assert.Equal(_disk, File.ReadAllBytes(At("target")));
    }

    [Fact]
    public void Write_DocumentThatIsNotThere_IsRefusedNamingItsKindAndWhatMakesIt()
    {
        File.Delete(At("trust.dsse.json"));
        AssertRefused(Write("--source", At("disk.raw")), $"The trust document {At("trust.dsse.json")} does not exist. Give trust.dsse.json, as 'conductor key new' writes it.");

        Directory.CreateDirectory(At("trust.dsse.json"));
        AssertRefused(Write("--source", At("disk.raw")), $"The trust document {At("trust.dsse.json")} is a directory.");
    }

    [Fact]
    public void Write_ManifestByUrlOrMissing_IsRefusedSayingWhatToGive()
    {
        string[] others = ["--trust", At("trust.dsse.json"), "--target", At("target"), "--source", At("disk.raw")];

        AssertRefused(Run(["write", "--manifest", "http://mirror.example/a.dsse.json", .. others]), "Fetch it, and give the file");
        AssertRefused(Run(["write", "--manifest", At("disk.raw"), .. others]), "it is something else. Give NAME.dsse.json");
    }

    [Theory]
    [InlineData("/dev/nosuchdisk", "/dev/nosuchdisk does not exist. 'lsblk' shows the disks.")]
    [InlineData("/dev/null", "/dev/null is no disk. 'lsblk' shows the disks.")]
    [InlineData("/tmp", "/tmp is a directory. Name a disk, or a file in it.")]
    [InlineData("/nowhere/disk.raw", "The directory of /nowhere/disk.raw does not exist. Make it first.")]
    public void Write_TargetThatIsNone_IsRefusedSayingWhatToName(string target, string reason) =>
        AssertRefused(Run("write", "--manifest", _manifest, "--trust", At("trust.dsse.json"), "--source", At("disk.raw"), "--target", target), reason);

    [Fact]
    public void Write_SourceByAnotherProtocol_IsRefusedSayingWhichCan() =>
        AssertRefused(Write("--source", "ftp://mirror.example/disk.raw"), "Give an http or https address, or a file.");

    [Fact]
    public void Help_Write_HasAnExampleAndTheExitCodes()
    {
        var (code, output) = Run("write", "--help");

        Assert.Equal(0, code);
        Assert.Contains("deploy-agent write --manifest images/debian-12.dsse.json", output, StringComparison.Ordinal);
        Assert.Contains("4  refused, and nothing was written", output, StringComparison.Ordinal);
        Assert.Contains("second GPT", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_WithoutATarget_PointsAtItsOwnHelp() =>
        Assert.Contains("'deploy-agent write --help' says more.", Run("write").Output, StringComparison.Ordinal);

    [Fact]
    public void Write_WithAManifestThatSteersTerminals_ShowsNoneOfIt()
    {
        File.WriteAllText(_manifest, """{"\u001b[2J":1,"\u001b[2J":2}""");

        var (code, output) = Write("--source", At("disk.raw"));

        Assert.Equal(4, code);
        Assert.DoesNotContain(output, character => char.IsControl(character) && character != '\n');
    }

    [Theory]
    [InlineData("--manifest")]
    [InlineData("--trust")]
    public void Write_WithADocumentThatNeverEnds_IsRefusedWith4(string option)
    {
        var result = Run(["write", "--target", At("target"), "--source", At("disk.raw"),
            "--manifest", option == "--manifest" ? "/dev/zero" : _manifest, "--trust", option == "--trust" ? "/dev/zero" : At("trust.dsse.json")]);

        AssertRefused(result, "it is something else");
    }

    [Theory]
    [InlineData("--source", "http://[")]
    [InlineData("--source", "http://host:99999/image")]
    [InlineData("--source", "")]
    [InlineData("--blobs", "https://")]
    [InlineData("--target", "")]
    [InlineData("--manifest", "")]
    [InlineData("--trust", "")]
    public void Write_WithAPlaceThatIsNone_Exits2AndLeavesNoTarget(string option, string place)
    {
        string[] good = ["--manifest", _manifest, "--trust", At("trust.dsse.json"), "--target", At("target"), "--source", At("disk.raw"), "--blobs", _folder.FullName];
        good[Array.IndexOf(good, option) + 1] = place;

        var (code, output) = Run(["write", .. good]);

        Assert.True(code == 2, output);
        Assert.Contains(option, output, StringComparison.Ordinal);
        Assert.False(File.Exists(At("target")), "a wrong usage left a target");
    }

    [Fact]
    public void Write_WithoutATarget_Exits2()
    {
        var (code, output) = Run("write", "--manifest", _manifest, "--trust", At("trust.dsse.json"), "--source", "x");

        Assert.Equal(2, code);
        Assert.Contains("--target", output, StringComparison.Ordinal);
    }

    private void AssertRefused((int Code, string Output) result, string reason)
    {
        Assert.True(result.Code == 4, result.Output);
        Assert.Contains("nothing was written", result.Output, StringComparison.Ordinal);
        Assert.Contains(reason, result.Output, StringComparison.Ordinal);
        Assert.False(File.Exists(At("target")), "a refused write left a target");
    }

    private (int Code, string Output) Write(params string[] more) =>
        Run(["write", "--manifest", _manifest, "--trust", At("trust.dsse.json"), "--target", At("target"), .. more]);

    private static (int Code, string Output) Run(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "deploy-agent"), arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        })!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        Assert.True(process.WaitForExit(_longest), $"deploy-agent did not end within {_longest}");
        return (process.ExitCode, output + error.Result);
    }

    private string At(string name) => Path.Combine(_folder.FullName, name);

    private string Sign()
    {
        var (measured, rejection) = MeasuredImage.Measure(At("disk.raw"), null, TestContext.Current.CancellationToken);
        Assert.True(measured is not null, rejection?.ToString());
        return ImageSigner.Sign(measured, new ImageStatement("test", "1", 1, DateTimeOffset.UnixEpoch), _key).SaveTo(_folder.FullName);
    }

    private void SaveTrust(TrustDocument trust) =>
        File.WriteAllBytes(At("trust.dsse.json"), Envelope.Sign(TrustDocument.PayloadType, trust.ToPayload(), _root));
}
