using System.Collections.Concurrent;
using System.Security.Cryptography;
using Baremetal.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Baremetal.Cli.Tests.Images;

public sealed class CatalogueCommandsTests
{
    private static readonly Image Debian = new("debian-12", "1", "x86_64", ["bios", "uefi"], "qcow2", "zstd", 8L << 30, 400L << 20, new string('a', 64), CommandRun.Now.AddHours(-3), Release: 7);
    private static readonly Image DebianRoot = Debian with { Name = "debian-root", Partition = new ImageParts("xfs", new string('b', 64), new string('c', 64), new string('d', 64), "quiet") };

    private readonly ConcurrentDictionary<string, byte[]> _blobs = new();
    private byte[]? _manifest;
    private Image _added = Debian;

    private Task<TestConductor> StartAsync() => TestConductor.StartAsync(app =>
    {
        app.MapMethods(Routes.Blob, ["HEAD"], (string digest) => _blobs.ContainsKey(digest) ? Results.Ok() : Results.NotFound());
        app.MapPut(Routes.Blob, async (string digest, HttpRequest request) =>
        {
            using var content = new MemoryStream();
            await request.Body.CopyToAsync(content);
            if (Convert.ToHexStringLower(SHA256.HashData(content.ToArray())) != digest)
                return TestConductor.Refuse(422, "What was uploaded has another SHA-256.");
            _blobs[digest] = content.ToArray();
            return Results.NoContent();
        });
        app.MapPost(Routes.Images, async (HttpRequest request) =>
        {
            _manifest = Convert.FromBase64String((await request.ReadFromJsonAsync(ApiJson.Default.AddImage))!.ManifestEnvelope);
            return TestConductor.Answer(_added, ApiJson.Default.Image);
        });
    });

    [Fact]
    public async Task Add_SignedImage_UploadsItsThreeBlobsAndTheManifest()
    {
        using var bench = await SigningBench.SignedAsync();
        await using var conductor = await StartAsync();

        var output = (await conductor.RunAsync("image", "add", bench.Manifest, "--source", bench.Image)).Succeeded();

        Assert.Equal(3, _blobs.Count);
        Assert.Equal(await File.ReadAllBytesAsync(bench.Image, TestContext.Current.CancellationToken), _blobs[(string)bench.Payload()["subject"]![1]!["digest"]!["sha256"]!]);
        Assert.Equal(await File.ReadAllBytesAsync(bench.Manifest, TestContext.Current.CancellationToken), _manifest);
        Assert.Equal("Added debian-12:1.\nNext: conductor deploy NODE --image debian-12:1 --wait\n", output);
    }

    [Theory]
    [InlineData("firmware", "x86_64")]
    [InlineData("architecture", "any", "uefi")]
    public async Task Add_ImageThatNoDeployTakes_SaysSoInPlaceOfTheCommand(string missing, string arch, params string[] firmware)
    {
        using var bench = await SigningBench.SignedAsync();
        await using var conductor = await StartAsync();
        _added = Debian with { Arch = arch, Firmware = firmware };

        var output = (await conductor.RunAsync("image", "add", bench.Manifest, "--source", bench.Image)).Succeeded();

        Assert.Contains($"It cannot be deployed: its manifest does not say which {missing} it is made for.", output, StringComparison.Ordinal);
        Assert.Contains("--arch and --firmware", output, StringComparison.Ordinal);
        Assert.DoesNotContain("Next:", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Add_BlobsThatAreThere_AreNotSentAgain()
    {
        using var bench = await SigningBench.SignedAsync();
        await using var conductor = await StartAsync();
        var source = (string)bench.Payload()["subject"]![1]!["digest"]!["sha256"]!;
        _blobs[source] = [];

        (await conductor.RunAsync("image", "add", bench.Manifest, "--source", bench.Image)).Succeeded();

        Assert.Empty(_blobs[source]);
    }

    [Fact]
    public async Task Add_FileOfAnotherLength_IsRefusedBeforeAnythingIsSent()
    {
        using var bench = await SigningBench.SignedAsync();
        await using var conductor = await StartAsync();
        await File.AppendAllTextAsync(bench.Image, "x", TestContext.Current.CancellationToken);

        Assert.Contains($"{SigningBench.ImageBytes} were signed", (await conductor.RunAsync("image", "add", bench.Manifest, "--source", bench.Image)).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
        Assert.Empty(_blobs);
    }

    [Fact]
    public async Task Add_FileWithOtherContent_IsRefusedByTheConductor()
    {
        using var bench = await SigningBench.SignedAsync();
        await using var conductor = await StartAsync();
        await File.WriteAllBytesAsync(bench.Image, new byte[SigningBench.ImageBytes], TestContext.Current.CancellationToken);

        Assert.Contains("another SHA-256", (await conductor.RunAsync("image", "add", bench.Manifest, "--source", bench.Image)).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
        Assert.Null(_manifest);
    }

    [Fact]
    public async Task Add_IndexOrSourceOrManifestMissing_IsNotFoundByName()
    {
        using var bench = await SigningBench.SignedAsync();
        await using var conductor = await StartAsync();

        Assert.Contains("/nonexistent", (await conductor.RunAsync("image", "add", bench.Manifest, "--source", "/nonexistent")).EndedWith(ExitCodes.NotFound), StringComparison.Ordinal);
        Assert.Contains("/nonexistent", (await conductor.RunAsync("image", "add", "/nonexistent", "--source", bench.Image)).EndedWith(ExitCodes.NotFound), StringComparison.Ordinal);
        var index = bench.IndexOf("disk");
        File.Delete(index);
        Assert.Contains(index, (await conductor.RunAsync("image", "add", bench.Manifest, "--source", bench.Image)).EndedWith(ExitCodes.NotFound), StringComparison.Ordinal);
        Assert.Empty(_blobs);
    }

    [Fact]
    public async Task ListAndShow_Image_AreReadable()
    {
        await using var conductor = await TestConductor.StartAsync(app =>
        {
            app.MapGet(Routes.Images, () => TestConductor.Answer(new Page<Image>([Debian, DebianRoot], null), ApiJson.Default.PageImage));
            app.MapGet(Routes.Image, (string image) => TestConductor.Answer(Debian with { Name = image.Split(':')[0] }, ApiJson.Default.Image));
        });

        Assert.Equal(
            """
            NAME          VERSION   RELEASE   KIND        ARCH     FIRMWARE    DISK      FILE      AGE
            debian-12     1         7         disk        x86_64   bios,uefi   8.0 GiB   400 MiB   3h
            debian-root   1         7         partition   x86_64   bios,uefi   8.0 GiB   400 MiB   3h

            """,
            (await conductor.RunAsync("image", "list")).Succeeded());
        Assert.Equal(
            $"""
            Image:     debian-12:1, release 7
            Boots on:  bios, uefi; x86_64
            Format:    qcow2, zstd
            Disk:      8.0 GiB
            File:      400 MiB
            Manifest:  {new string('a', 64)}
            Added:     2026-01-15 09:00:00Z

            """,
            (await conductor.RunAsync("image", "show", "debian-12:1")).Succeeded());
    }

    [Fact]
    public async Task Show_PartitionImage_SaysWhatItsDiskIsMadeOf()
    {
        await using var conductor = await TestConductor.StartAsync(app => app.MapGet(Routes.Image, (string image) => TestConductor.Answer(DebianRoot, ApiJson.Default.Image)));

        var shown = (await conductor.RunAsync("image", "show", "debian-root")).Succeeded();

        Assert.Contains("Kind:       a disk made of a root file system (xfs), its kernel and its ramdisk\n", shown, StringComparison.Ordinal);
        Assert.Contains($"Kernel:     {new string('c', 64)}\n", shown, StringComparison.Ordinal);
        Assert.Contains("Arguments:  quiet\n", shown, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Remove_Image_SaysThatDisksStay()
    {
        var removed = "";
        await using var conductor = await TestConductor.StartAsync(app => app.MapDelete(Routes.Image, (string image) =>
        {
            removed = image;
            return Results.NoContent();
        }));

        Assert.Contains("stay as they are", (await conductor.RunAsync("image", "remove", "debian-12:1")).Succeeded(), StringComparison.Ordinal);
        Assert.Equal("debian-12:1", removed);
    }
}
