using System.Diagnostics;
using System.Text.Json;
using Baremetal.Imaging.Signing;
using Baremetal.Support;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Tests.Write;

/// <summary>
/// The promise of 128 MiB, measured: the most memory that the process of a <c>deploy-agent write</c> ever had (VmHWM), for the images that need
/// most and with more processors than the budget has workers for.
/// </summary>
public sealed class MemoryTests : IDisposable
{
    private const long Promised = 128L << 20;

    // What travels in the ramdisk is compiled ahead, trimmed and one file; the build that runs here has a compiler in it: 91 MiB against 75 for
    // the redeploy.
    private const long Compiler = 16L << 20;

    private const long GiB = 1L << 30;
    private const int MiB = 1 << 20;

    private static readonly TimeSpan _longest = TimeSpan.FromMinutes(Soak.IsOn ? 120 : 5);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("baremetal-memory-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [MemberData(nameof(Images))]
    public void Write_OfAnImageThatNeedsMost_KeepsThePromise(string what, SparseImageSpec spec)
    {
        var result = Write(spec);

        Assert.True(result.GetProperty("status").GetString() == "written", $"{what}: {result}");
        AssertPromise(what, result);
    }

    public static TheoryData<string, SparseImageSpec> Images => new()
    {
        // 128 MiB of L2 tables.
        { "1 TiB", new SparseImageSpec(1024 * GiB) { DataEvery = 4096 } },
        { "1 TiB scattered", new SparseImageSpec(1024 * GiB) { DataEvery = 4096, IsScattered = true } },
        // 48 MiB of indexes; tables, compressed clusters and source chunks of 2 MiB.
        { "2 TiB in the largest clusters, in a file of 2 TiB", new SparseImageSpec(2048 * GiB) { ClusterSize = 2 * MiB, FileSize = 2048 * GiB, DataEvery = 8192 } },
        { "2 TiB raw", new SparseImageSpec(2048 * GiB) { ClusterSize = null, DataEvery = 8192 } },
        // Near the most that the tables may take: 16 bytes for each 32 KiB of disk while they are checked.
        { "the smallest clusters", new SparseImageSpec((Soak.IsOn ? 40 : 12) * GiB) { ClusterSize = 512, DataEvery = 128 } },
        { "the largest chunks of a disk", new SparseImageSpec(4 * GiB) { DiskChunkSize = 16 * MiB, DataEvery = 8 } },
        { "the largest chunks of a source", new SparseImageSpec(64 * GiB) { SourceChunkSize = 4 * MiB, DataEvery = 64, IsScattered = true } },
    };

    [Fact]
    public void Write_ThatComparesWithTheDisk_KeepsThePromise()
    {
        // Reading 1 TiB, even of holes, takes minutes.
        var spec = new SparseImageSpec((Soak.IsOn ? 1024 : 2) * GiB) { DataEvery = 16 };
        Sign(spec);
        _ = Run();

        var result = Run("--reuse", "--read-back");

        Assert.True(result.GetProperty("reusedBytes").GetInt64() > spec.DiskSize - (64 * MiB), $"{result}");
        AssertPromise("redeploy", result);
    }

    [Theory]
    [MemberData(nameof(TooMuch))]
    public void Write_OfAnImageThatCannotKeepThePromise_IsRefusedNamingTheFigure(SparseImageSpec spec, string figure, string remedy)
    {
        var result = Write(spec);

        Assert.Equal("refused", result.GetProperty("status").GetString());
        Assert.Matches(figure, result.GetProperty("cause").GetString());
        Assert.Contains(remedy, result.GetProperty("remedy").GetString(), StringComparison.Ordinal);
        AssertPromise(figure, result);
    }

    public static TheoryData<SparseImageSpec, string, string> TooMuch => new()
    {
        // 80 MiB of indexes.
        { new SparseImageSpec(2048 * GiB) { ClusterSize = null, SourceChunkSize = MiB, DataEvery = 8192 }, @"at least \d+ MiB more memory", "the two indexes take 80 of them: sign the image anew" },
        { new SparseImageSpec(4 * GiB) { SourceChunkSize = 16 * MiB }, @"at least \d+ MiB more memory", "sign the image anew" },
    };

    private static void AssertPromise(string what, JsonElement result)
    {
        var peak = result.GetProperty("peakMemoryBytes").GetInt64();
        TestContext.Current.TestOutputHelper?.WriteLine($"{what}: {peak / (double)MiB:0.0} MiB");
        Assert.True(peak <= Promised + Compiler, $"{what}: {peak / (double)MiB:0.0} MiB");
    }

    private JsonElement Write(SparseImageSpec spec)
    {
        Sign(spec);
        return Run();
    }

    private void Sign(SparseImageSpec spec)
    {
        using var root = SigningKey.Create();
        using var key = SigningKey.Create();
        var image = SparseImage.Make(At("image"), spec);
        _ = new SignedImage(image.Manifest, Envelope.Sign(ImageManifest.PayloadType, image.Manifest.ToPayload(), key), image.DiskIndex, image.SourceIndex).SaveTo(_folder.FullName);
        File.WriteAllBytes(At("trust.dsse.json"), Envelope.Sign(TrustDocument.PayloadType, TrustDocument.First(root.Public, key.Public, DateTimeOffset.MaxValue).ToPayload(), root));
    }

    private JsonElement Run(params string[] more)
    {
        using var process = Process.Start(new ProcessStartInfo(
            Path.Combine(AppContext.BaseDirectory, "deploy-agent"),
            ["write", "--manifest", At("sparse.dsse.json"), "--trust", At("trust.dsse.json"), "--source", At("image"), "--target", At("target"), "--progress", "json", .. more])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
            Environment = { ["DOTNET_PROCESSOR_COUNT"] = "10" },
        })!;
        var output = process.StandardOutput.ReadToEndAsync();
        Assert.True(process.WaitForExit(_longest), $"deploy-agent did not end within {_longest}");
        return JsonDocument.Parse(output.Result.TrimEnd().Split('\n')[^1]).RootElement;
    }

    private string At(string name) => Path.Combine(_folder.FullName, name);
}
