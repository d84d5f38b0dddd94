using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Baremetal.Cli.Tests.Images;

public sealed class ImageCommandsTests
{
    private static void Flip(string path, long at)
    {
        using var file = File.Open(path, FileMode.Open);
        file.Position = at;
        var flipped = (byte)(file.ReadByte() ^ 1);
        file.Position = at;
        file.WriteByte(flipped);
    }

    [Fact]
    public async Task Sign_Image_MakesManifestAndIndexesThatVerify()
    {
        using var bench = await SigningBench.SignedAsync("--version", "12.7", "--release", "7", "--arch", "x86_64", "--firmware", "bios,uefi", "--not-after", "90d");

        var predicate = bench.Payload()["predicate"]!;
        Assert.Equal(("debian-12", "12.7", 7UL), ((string)predicate["name"]!, (string)predicate["version"]!, (ulong)predicate["release"]!));
        Assert.Equal(["bios", "uefi"], predicate["firmware"]!.AsArray().Select(mode => (string)mode!));
        Assert.Equal(CommandRun.Now.AddDays(90), (DateTimeOffset)predicate["notAfter"]!);
        Assert.Equal(5 * 32, new FileInfo(bench.IndexOf("source")).Length);
        Assert.Equal(3, Directory.GetFileSystemEntries(bench.Documents).Length);
        var digest = Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(bench.Image, TestContext.Current.CancellationToken)));
        Assert.All(bench.Payload()["subject"]!.AsArray(), subject => Assert.Equal(digest, (string)subject!["digest"]!["sha256"]!));

        var output = (await bench.VerifyAsync(bench.Image)).Succeeded();
        Assert.Contains("Verified: debian-12:12.7 is signed and trusted.", output, StringComparison.Ordinal);
        Assert.Contains($"Every chunk of {bench.Image} is as it was signed (5 of 1.0 MiB).", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sign_Image_ShowsHowItIsWrittenByHand()
    {
        using var bench = await SigningBench.NewAsync();

        var output = (await CommandRun.Of("image", "sign", bench.Image, "--key", bench.Key, "--name", "debian-12", "--out", bench.Documents)).Succeeded();

        Assert.Contains($"deploy-agent write --manifest {bench.Manifest}", output, StringComparison.Ordinal);
    }

    // It would be signed for machines that there are none of, and no deploy would take it.
    [Fact]
    public async Task Sign_ArchThatUnameDoesNotSay_IsRefusedNamingThoseItDoes()
    {
        using var bench = await SigningBench.NewAsync();

        var error = (await CommandRun.Of("image", "sign", bench.Image, "--key", bench.Key, "--name", "debian-12", "--out", bench.Documents, "--arch", "amd64")).EndedWith(ExitCodes.WrongUsage);

        Assert.Contains("--arch 'amd64' is not known.", error, StringComparison.Ordinal);
        Assert.Contains("x86_64, aarch64", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Inspect_Directory_IsNotSaidToBeMissing()
    {
        using var bench = await SigningBench.NewAsync();

        Assert.Contains("is a directory", (await CommandRun.Of("image", "inspect", bench.Folder["keys"])).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Inspect_DiskOfNoWholeSectors_IsRefusedAsSigningItIs()
    {
        using var bench = await SigningBench.NewAsync();
        var odd = bench.Folder.Write("odd.raw", new byte[1_000_000]);

        var run = await CommandRun.Of("image", "inspect", odd);

        Assert.Equal(ExitCodes.Refused, run.ExitCode);
        Assert.Contains("no multiple of its sector size 512", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sign_Manifest_HasASignatureThatOpensslAccepts()
    {
        using var bench = await SigningBench.SignedAsync();
        var envelope = JsonNode.Parse(await File.ReadAllBytesAsync(bench.Manifest, TestContext.Current.CancellationToken))!;
        var payload = Convert.FromBase64String((string)envelope["payload"]!);
        var type = (string)envelope["payloadType"]!;
        var signed = bench.Folder.Write("pae", [.. Encoding.ASCII.GetBytes($"DSSEv1 {type.Length} {type} {payload.Length} "), .. payload]);
        var signature = bench.Folder.Write("sig", Convert.FromBase64String((string)envelope["signatures"]![0]!["sig"]!));

        OpenSsl.Run("dgst", "-sha256", "-verify", bench.Folder["keys/image.pub"], "-signature", signature, signed);
    }

    // Nobody needs to believe us: the indexes are what coreutils make of the image file and of the disk that qemu-img reads from it.
    [Fact]
    public async Task Sign_Qcow2_MakesTheIndexesThatSplitAndSha256sumMake()
    {
        using var bench = await SigningBench.NewAsync();
        var qcow2 = bench.Folder["disk.qcow2"];
        Tool.Run("qemu-img", "convert", "-O", "qcow2", "-c", bench.Image, qcow2);
        (await CommandRun.Of("image", "sign", qcow2, "--key", bench.Key, "--name", "debian-12", "--out", bench.Documents)).Succeeded();
        Tool.Run("qemu-img", "convert", "-O", "raw", qcow2, bench.Folder["decoded"]);

        foreach (var (what, file) in new[] { ("source", qcow2), ("disk", bench.Folder["decoded"]) })
        {
            var hex = Tool.Run("split", $"--bytes={(long)bench.Payload()["predicate"]![what]!["chunkSize"]!}", "--filter=sha256sum", file);
            Assert.Equal(
                string.Concat(hex.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line[..64])),
                Convert.ToHexStringLower(await File.ReadAllBytesAsync(bench.IndexOf(what), TestContext.Current.CancellationToken)));
        }
    }

    [Fact]
    public async Task Verify_ManifestSignedByOpenssl_IsTrusted()
    {
        using var bench = await SigningBench.SignedAsync();
        var envelope = JsonNode.Parse(await File.ReadAllBytesAsync(bench.Manifest, TestContext.Current.CancellationToken))!;
        var payload = Convert.FromBase64String((string)envelope["payload"]!);
        var type = (string)envelope["payloadType"]!;
        var signed = bench.Folder.Write("pae", [.. Encoding.ASCII.GetBytes($"DSSEv1 {type.Length} {type} {payload.Length} "), .. payload]);
        OpenSsl.Run("dgst", "-sha256", "-sign", bench.Key, "-out", bench.Folder["sig"], signed);
        envelope["signatures"]![0]!["sig"] = Convert.ToBase64String(await File.ReadAllBytesAsync(bench.Folder["sig"], TestContext.Current.CancellationToken));
        await File.WriteAllTextAsync(bench.Manifest, envelope.ToJsonString(), TestContext.Current.CancellationToken);

        (await bench.VerifyAsync(bench.Image)).Succeeded();
    }

    [Fact]
    public async Task Sign_NothingTellsWhatItBootsOn_SaysSo()
    {
        using var bench = await SigningBench.NewAsync();

        var output = (await bench.SignAsync()).Succeeded();

        Assert.Contains("sign it with --arch and --firmware", output, StringComparison.Ordinal);
        Assert.Contains($"conductor image add {bench.Manifest} --source {bench.Image}", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sign_InTheDisksOrder_SaysThatItIsReadOnce()
    {
        using var bench = await SigningBench.NewAsync();

        var output = (await bench.SignAsync()).Succeeded();

        Assert.Contains("reads 1.00 × the file", output, StringComparison.Ordinal);
        Assert.DoesNotContain("--rewrite", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sign_ClustersThatLieScattered_SaysSoAndNamesTheRemedy()
    {
        using var bench = await SigningBench.NewAsync();
        var scattered = MakeScattered(bench);

        var output = (await CommandRun.Of("image", "sign", scattered, "--key", bench.Key, "--name", "old", "--out", bench.Documents)).Succeeded();

        Assert.Matches(@"reads \d+\.\d\d × the file", output);
        Assert.Contains("clusters lie scattered", output, StringComparison.Ordinal);
        Assert.Contains("qemu-img convert -O qcow2 -c", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sign_WithRewrite_SignsASequentialImageBesideIt()
    {
        using var bench = await SigningBench.NewAsync();
        var scattered = MakeScattered(bench);

        var signed = JsonDocument.Parse((await CommandRun.Of("image", "sign", scattered, "--key", bench.Key, "--name", "old", "--out", bench.Documents, "--rewrite", "--output", "json")).Succeeded()).RootElement;

        var rewritten = bench.Folder["scattered.rewritten.qcow2"];
        Assert.Equal(rewritten, signed.GetProperty("file").GetString());
        Assert.InRange(signed.GetProperty("sourceReads").GetDouble(), 0.9, 1.1);
        Tool.Run("qemu-img", "compare", scattered, rewritten);
        var again = await CommandRun.Of("image", "sign", scattered, "--key", bench.Key, "--name", "other", "--out", bench.Documents, "--rewrite");
        Assert.Contains(rewritten, again.EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sign_RewriteOfAnOverlay_IsRefusedBeforeItsBackingIsOpened()
    {
        using var bench = await SigningBench.NewAsync();
        var overlay = bench.Folder["overlay.qcow2"];
        Tool.Run("qemu-img", "create", "-f", "qcow2", "-F", "raw", "-b", bench.Image, overlay);

        var run = await CommandRun.Of("image", "sign", overlay, "--key", bench.Key, "--name", "old", "--out", bench.Documents, "--rewrite");

        Assert.Contains("backing file", run.EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
        Assert.False(File.Exists(bench.Folder["overlay.rewritten.qcow2"]));
    }

    // Clusters written far from each other on the disk, one after the other in the file.
    private static string MakeScattered(SigningBench bench)
    {
        const int size = 80;
        var path = bench.Folder["scattered.qcow2"];
        Tool.Run("qemu-img", "create", "-f", "qcow2", path, $"{size}M");
        var writes = new List<string>();
        for (var phase = 0; phase < 16; phase++)
        {
            for (var mebibyte = 0; mebibyte < size; mebibyte++)
                writes.AddRange(["-c", $"write -P {1 + phase + (mebibyte % 200)} {(mebibyte * 1024) + (phase * 64)}k 64k"]);
        }
        Tool.Run("qemu-io", ["-f", "qcow2", "-t", "unsafe", .. writes, path]);
        return path;
    }

    [Fact]
    public async Task Sign_SameNameAgain_IsRefusedAndKeepsTheFirst()
    {
        using var bench = await SigningBench.SignedAsync();
        var first = await File.ReadAllBytesAsync(bench.Manifest, TestContext.Current.CancellationToken);

        Assert.Contains("nothing is overwritten", (await bench.SignAsync("--version", "2")).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
        Assert.Equal(first, await File.ReadAllBytesAsync(bench.Manifest, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Sign_SameContentUnderAnotherName_SharesItsIndexes()
    {
        using var bench = await SigningBench.SignedAsync();

        (await CommandRun.Of("image", "sign", bench.Image, "--key", bench.Key, "--name", "other", "--out", bench.Documents)).Succeeded();

        Assert.Equal(4, Directory.GetFileSystemEntries(bench.Documents).Length);
    }

    [Theory]
    [InlineData("--name", "../evil")]
    [InlineData("--name", ".hidden")]
    [InlineData("--version", "1 2")]
    [InlineData("--firmware", "efi")]
    [InlineData("--not-after", "yesterday")]
    [InlineData("--release", "-1")]
    public async Task Sign_WordThatCannotBeUsed_IsWrongUsageBeforeAnythingIsRead(string option, string value)
    {
        string[] args = ["image", "sign", "/nonexistent", "--key", "/nonexistent", "--out", "/nonexistent"];

        var error = (await CommandRun.Of([.. args, .. option == "--name" ? Array.Empty<string>() : ["--name", "x"], option, value])).EndedWith(ExitCodes.WrongUsage);

        Assert.Contains(value, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sign_FileMissingOrNoKey_SaysWhich()
    {
        using var bench = await SigningBench.NewAsync();
        var missing = bench.Folder["missing"];

        Assert.Contains(missing, (await CommandRun.Of("image", "sign", missing, "--key", bench.Key, "--name", "x", "--out", bench.Documents)).EndedWith(ExitCodes.NotFound), StringComparison.Ordinal);
        Assert.Contains(missing, (await CommandRun.Of("image", "sign", bench.Image, "--key", missing, "--name", "x", "--out", bench.Documents)).EndedWith(ExitCodes.NotFound), StringComparison.Ordinal);
        Assert.Contains(bench.Image, (await CommandRun.Of("image", "sign", bench.Image, "--key", bench.Image, "--name", "x", "--out", bench.Documents)).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
        Assert.False(Directory.Exists(bench.Documents));
    }

    [Fact]
    public async Task Sign_ImageThatCannotBeWritten_IsRefused()
    {
        using var bench = await SigningBench.NewAsync();
        await File.WriteAllBytesAsync(bench.Image, new byte[1000], TestContext.Current.CancellationToken);

        Assert.Contains("no multiple of its sector size", (await bench.SignAsync()).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_PayloadAltered_IsRefused()
    {
        using var bench = await SigningBench.SignedAsync();
        var envelope = JsonNode.Parse(await File.ReadAllBytesAsync(bench.Manifest, TestContext.Current.CancellationToken))!;
        var payload = bench.Payload();
        payload["predicate"]!["release"] = 99;
        envelope["payload"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(payload.ToJsonString()));
        await File.WriteAllTextAsync(bench.Manifest, envelope.ToJsonString(), TestContext.Current.CancellationToken);

        Assert.Contains("0 valid signature(s) of the image role", (await bench.VerifyAsync()).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData((3 << 20) + 77, 3)]
    [InlineData(SigningBench.ImageBytes - 1, 4)]
    public async Task Verify_BitOfTheFileFlipped_NamesTheChunk(int at, int chunk)
    {
        using var bench = await SigningBench.SignedAsync();
        Flip(bench.Image, at);

        Assert.Contains($"Chunk {chunk} of {bench.Image}", (await bench.VerifyAsync(bench.Image)).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
        (await bench.VerifyAsync()).Succeeded();
    }

    [Fact]
    public async Task Verify_FileCut_IsRefused()
    {
        using var bench = await SigningBench.SignedAsync();
        using (var file = File.Open(bench.Image, FileMode.Open))
            file.SetLength(SigningBench.ImageBytes - 512);

        Assert.Contains($"{SigningBench.ImageBytes} were signed", (await bench.VerifyAsync(bench.Image)).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("disk")]
    [InlineData("source")]
    public async Task Verify_BitOfAnIndexFlipped_IsRefused(string what)
    {
        using var bench = await SigningBench.SignedAsync();
        Flip(bench.IndexOf(what), 5);

        Assert.Contains($"The {what} index", (await bench.VerifyAsync()).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_IndexesElsewhere_AreFoundWithBlobs()
    {
        using var bench = await SigningBench.SignedAsync();
        Directory.CreateDirectory(bench.Folder["blobs"]);
        foreach (var index in Directory.GetFiles(bench.Documents, "*.index"))
            File.Move(index, Path.Combine(bench.Folder["blobs"], Path.GetFileName(index)));

        Assert.Contains("--blobs DIR", (await bench.VerifyAsync()).EndedWith(ExitCodes.NotFound), StringComparison.Ordinal);
        (await bench.VerifyAsync("--blobs", bench.Folder["blobs"])).Succeeded();
    }

    [Fact]
    public async Task Verify_OtherTrustOrExpired_IsRefused()
    {
        using var bench = await SigningBench.SignedAsync("--not-after", "1d");
        (await CommandRun.Of("key", "new", "--out", bench.Folder["others"])).Succeeded();
        var later = new Surroundings { Time = new StoppedClock(CommandRun.Now.AddDays(2)) };

        Assert.Contains("0 valid signature(s)", (await CommandRun.Of("image", "verify", bench.Manifest, "--trust", bench.Folder["others/trust.dsse.json"])).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
        Assert.Contains("expired", (await CommandRun.Of(later, "image", "verify", bench.Manifest, "--trust", bench.Trust)).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
    }

    [Fact]
    public async Task SignAndVerify_AsJson_CarryTheManifestsWords()
    {
        using var bench = await SigningBench.NewAsync();

        var signed = JsonDocument.Parse((await bench.SignAsync("--output", "json")).Succeeded()).RootElement;
        var verified = JsonDocument.Parse((await bench.VerifyAsync("--output", "json")).Succeeded()).RootElement;

        Assert.Equal(bench.Manifest, signed.GetProperty("manifestFile").GetString());
        Assert.Equal(signed.GetProperty("manifestSha256").GetString(), verified.GetProperty("manifestSha256").GetString());
        Assert.Equal(SigningBench.ImageBytes, verified.GetProperty("image").GetProperty("disk").GetProperty("size").GetInt64());
    }

    [Fact]
    public async Task Inspect_Qcow2_SaysWhatItIs()
    {
        using var bench = await SigningBench.NewAsync();
        var qcow2 = bench.Folder["disk.qcow2"];
        Tool.Run("qemu-img", "convert", "-O", "qcow2", bench.Image, qcow2);

        var output = (await CommandRun.Of("image", "inspect", qcow2)).Succeeded();
        var json = JsonDocument.Parse((await CommandRun.Of("image", "inspect", qcow2, "--output", "json")).Succeeded()).RootElement;

        Assert.Contains("Format:          qcow2", output, StringComparison.Ordinal);
        Assert.Contains("Can be written:  yes", output, StringComparison.Ordinal);
        Assert.Equal("qcow2", json.GetProperty("format").GetString());
        Assert.Equal(SigningBench.ImageBytes, json.GetProperty("diskBytes").GetInt64());
    }

    [Fact]
    public async Task Inspect_AsJson_HasTheseNamesAndNoOthers()
    {
        using var bench = await SigningBench.NewAsync();
        var qcow2 = bench.Folder["disk.qcow2"];
        Tool.Run("sgdisk", "--clear", "--new=1:2048:+1M", "--typecode=1:ef00", "--change-name=1:esp", bench.Image);
        Tool.Run("qemu-img", "convert", "-O", "qcow2", bench.Image, qcow2);
        Tool.Run("qemu-img", "snapshot", "-c", "one", qcow2);

        var json = JsonDocument.Parse((await CommandRun.Of("image", "inspect", qcow2, "--output", "json")).Succeeded()).RootElement;

        // Scripts read these: a name may be added, none may go.
        Assert.Equal(["format", "compression", "fileBytes", "diskBytes", "allocatedBytes", "features", "qcow2", "layout"], NamesOf(json));
        Assert.Equal(["version", "clusterBytes", "hasSubclusters", "diskBytes", "unknownFeatures", "snapshotCount", "snapshots"], NamesOf(json.GetProperty("qcow2")));
        Assert.Equal(["id", "name", "takenAt"], NamesOf(json.GetProperty("qcow2").GetProperty("snapshots")[0]));
        Assert.Equal(["partitionTable", "sectorSize", "partitions", "boot"], NamesOf(json.GetProperty("layout")));
        Assert.Equal(["number", "type", "typeName", "firstLba", "lastLba", "bytes", "name", "id"], NamesOf(json.GetProperty("layout").GetProperty("partitions")[0]));

        static string[] NamesOf(JsonElement element) => [.. element.EnumerateObject().Select(member => member.Name)];
    }

    [Fact]
    public async Task Inspect_BackingFile_IsRefusedWithItsCause()
    {
        using var bench = await SigningBench.NewAsync();
        var qcow2 = bench.Folder["overlay.qcow2"];
        Tool.Run("qemu-img", "create", "-f", "qcow2", "-F", "raw", "-b", bench.Image, qcow2);

        var run = await CommandRun.Of("image", "inspect", qcow2);

        run.EndedWith(ExitCodes.Refused);
        Assert.Contains("Can be written:  no.", run.Output, StringComparison.Ordinal);
        Assert.Contains("backing file", run.Output, StringComparison.Ordinal);
        Assert.Contains($"Backing file:    {bench.Image}", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Inspect_Missing_IsNotFound() => (await CommandRun.Of("image", "inspect", "/nonexistent")).EndedWith(ExitCodes.NotFound);
}
