using System.Diagnostics;
using System.Formats.Tar;
using System.Net;
using System.Text.Json;
using Baremetal.Api;
using Baremetal.Api.Client;
using Baremetal.Conductor.Tests.World;
using Baremetal.Trust;

namespace Baremetal.Conductor.Tests.VmImages;

/// <summary>Images of the catalogue as images of VMs, and the registry that runners fetch them from.</summary>
public sealed class VmImageTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Build_AnImage_IsPulledByARealEngineWithARunnersCertificateAndHoldsTheDisk()
    {
        await using var conductor = await TestConductor.StartAsync();
        await AddImageAsync(conductor);
        using var runner = await TestRunner.StartAsync(conductor);
        using var folder = new TempFolder();

        var built = await conductor.Operator.BuildVmImageAsync("debian", None);

        Assert.Equal("debian:12", built.Image);
        Assert.Equal(built, Assert.Single(await conductor.Operator.ListVmImagesAsync(None).ToListAsync(None)));
        var certificates = Directory.CreateDirectory(Path.Combine(folder.Path, "certificates")).FullName;
        runner.WriteCertificates(certificates);
        var reference = $"127.0.0.1:{conductor.TlsUrl.Port}/vm@{built.Digest}";
        await PodmanAsync(folder, "pull", "--quiet", "--cert-dir", certificates, reference);
        var archive = Path.Combine(folder.Path, "image.tar");
        await PodmanAsync(folder, "save", "--quiet", "--format", "oci-archive", "--output", archive, reference);
        Assert.Equal([("disk/", 0L, ""), ("disk/disk.qcow2", conductor.Image.Source.Length, Digest.Of(conductor.Image.Source).ToString())], await LayerOfAsync(archive));
    }

    [Fact]
    public async Task Build_Twice_IsTheSame()
    {
        await using var conductor = await TestConductor.StartAsync();
        await AddImageAsync(conductor);

        var builds = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => conductor.Operator.BuildVmImageAsync("debian:12", None)));
        Assert.Single(builds.Distinct());

        await conductor.Operator.RemoveVmImageAsync("debian", None);
        Assert.Empty(await conductor.Operator.ListVmImagesAsync(None).ToListAsync(None));
        Assert.Equal(builds[0].Digest, (await conductor.Operator.BuildVmImageAsync("debian", None)).Digest);
    }

    [Fact]
    public async Task Remove_TheImageItIsOf_TakesItAlong()
    {
        await using var conductor = await TestConductor.StartAsync();
        await AddImageAsync(conductor);
        var built = await conductor.Operator.BuildVmImageAsync("debian", None);
        using var runner = await TestRunner.StartAsync(conductor);
        using var http = runner.Http();
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync($"/v2/vm/manifests/{built.Digest}", None)).StatusCode);

        await conductor.Operator.RemoveImageAsync("debian", None);

        Assert.Empty(await conductor.Operator.ListVmImagesAsync(None).ToListAsync(None));
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync($"/v2/vm/manifests/{built.Digest}", None)).StatusCode);
    }

    [Fact]
    public async Task Build_WhatBootsNoVm_IsRefusedWithTheReason()
    {
        await using var conductor = await TestConductor.StartAsync();
        await conductor.Image.AddAsync(conductor, conductor.Image.Manifest("efi", firmware: ["uefi"]));
        await conductor.Image.AddAsync(conductor, conductor.Image.Manifest("arm", arch: "aarch64"));

        Assert.Contains("a VM's firmware is a BIOS", (await RefusalAsync("efi")).Title, StringComparison.Ordinal);
        Assert.Contains("is for aarch64", (await RefusalAsync("arm")).Title, StringComparison.Ordinal);
        Assert.Equal(404, (await RefusalAsync("none")).Status);

        async Task<Problem> RefusalAsync(string image) => (await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.BuildVmImageAsync(image, None))).Problem;
    }

    [Theory]
    [InlineData("/v2/vm/manifests/latest")]
    [InlineData("/v2/vm/manifests/sha256:0000000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("/v2/vm/blobs/sha256:0000000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("/v2/vm/blobs/..%2F..%2Fetc%2Fpasswd")]
    public async Task Registry_WhatIsNotThere_IsAnsweredAsEnginesReadIt(string path)
    {
        await using var conductor = await TestConductor.StartAsync();
        using var runner = await TestRunner.StartAsync(conductor);
        using var http = runner.Http();

        var answer = await http.GetAsync(path, None);

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        using var errors = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(None));
        Assert.EndsWith("_UNKNOWN", errors.RootElement.GetProperty("errors")[0].GetProperty("code").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Registry_WithoutARunnersCertificate_IsShut()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var ca = conductor.Certificate();
        using var http = new HttpClient(PinnedHttp.Handler(ca, CertificateTimes.Enforced)) { BaseAddress = conductor.TlsUrl };

        Assert.Equal(HttpStatusCode.Unauthorized, (await http.GetAsync("/v2/", None)).StatusCode);
    }

    [Fact]
    public async Task Create_OfAnImageThatWasNotBuilt_SaysHowToAndOfOneThatWasIsOrderedByItsDigest()
    {
        await using var conductor = await TestConductor.StartAsync();
        await AddImageAsync(conductor);
        using var runner = await TestRunner.StartAsync(conductor);
        var ask = new CreateVm("web", "debian");

        var refusal = (await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.CreateVmAsync("kvm1", ask, None))).Problem;
        Assert.Equal((409, "'conductor vm-image build debian:12' does it."), (refusal.Status, refusal.Remedy));
        var built = await conductor.Operator.BuildVmImageAsync("debian", None);
        await conductor.Operator.CreateVmAsync("kvm1", ask, None);
        await conductor.Operator.CreateVmAsync("kvm1", new CreateVm("db", "registry.example/team/db:1"), None);

        var orders = (await runner.OrdersAsync()).Vms.ToDictionary(vm => vm.Spec.Name);
        Assert.Equal($"vm@{built.Digest}", orders["web"].OwnImage);
        Assert.Null(orders["db"].OwnImage);
    }

    private static async Task AddImageAsync(TestConductor conductor)
    {
        conductor.Image.TrustConductor(conductor);
        await conductor.Image.AddAsync(conductor);
    }

    private static async Task<string> PodmanAsync(TempFolder folder, params string[] arguments)
    {
        var start = new ProcessStartInfo("podman", ["--root", Path.Combine(folder.Path, "storage"), "--runroot", Path.Combine(folder.Path, "run"), "--tmpdir", Path.Combine(folder.Path, "tmp"), "--storage-driver", "vfs", .. arguments]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(None), process.StandardError.ReadToEndAsync(None));
        await process.WaitForExitAsync(None).WaitAsync(TimeSpan.FromMinutes(5), None);
        return process.ExitCode == 0 ? await output : throw new InvalidOperationException($"podman {string.Join(' ', arguments)}: {await errors}");
    }

    // Which files the image's one layer has, out of an OCI archive (image-layout of its specification).
    private static async Task<List<(string Name, long Size, string Sha256)>> LayerOfAsync(string archive)
    {
        var files = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        await foreach (var (name, content) in EntriesAsync(new MemoryStream(await File.ReadAllBytesAsync(archive, None))))
            files[name] = content;
        using var index = JsonDocument.Parse(files["index.json"]);
        using var manifest = JsonDocument.Parse(files[BlobOf(index.RootElement.GetProperty("manifests")[0])]);
        var layer = files[BlobOf(Assert.Single(manifest.RootElement.GetProperty("layers").EnumerateArray()))];
        Stream bytes = layer is [0x1f, 0x8b, ..] ? new System.IO.Compression.GZipStream(new MemoryStream(layer), System.IO.Compression.CompressionMode.Decompress) : new MemoryStream(layer);
        var found = new List<(string, long, string)>();
        await foreach (var (name, content) in EntriesAsync(bytes))
            found.Add((name, content.Length, content.Length == 0 ? "" : Digest.Of(content).ToString()));
        return found;

        static string BlobOf(JsonElement descriptor) => $"blobs/{descriptor.GetProperty("digest").GetString()!.Replace(':', '/')}";
    }

    private static async IAsyncEnumerable<(string Name, byte[] Content)> EntriesAsync(Stream archive)
    {
        await using var tar = new TarReader(archive);
        while (await tar.GetNextEntryAsync(copyData: true, None) is { } entry)
        {
            using var content = new MemoryStream();
            if (entry.DataStream is { } data)
                await data.CopyToAsync(content, None);
            yield return (entry.Name, content.ToArray());
        }
    }
}
