using Baremetal.Api;
using Baremetal.Conductor.Tests.World;
using Baremetal.Trust;

namespace Baremetal.Conductor.Tests.Images;

public sealed class ImageTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    private static async Task<Problem> RefusalAsync(Func<Task> call) => (await Assert.ThrowsAsync<ProblemException>(call)).Problem;

    [Fact]
    public async Task Add_WithoutItsBlobs_NamesTheMissingOnes()
    {
        await using var conductor = await TestConductor.StartAsync();
        await TestImage.UploadAsync(conductor.Operator, conductor.Image.Source);
        var refusal = await RefusalAsync(() => conductor.Operator.AddImageAsync(conductor.Image.Manifest(), None));
        Assert.Equal(422, refusal.Status);
        Assert.Contains(Digest.Of(conductor.Image.DiskIndex).ToString(), refusal.Title, StringComparison.Ordinal);
        Assert.DoesNotContain(Digest.Of(conductor.Image.Source).ToString(), refusal.Title, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Add_SignedByAStrangerOrAltered_IsRefused()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var stranger = SigningKey.Create();
        Assert.Equal(422, (await RefusalAsync(() => conductor.Image.AddAsync(conductor, conductor.Image.Manifest(signer: stranger)))).Status);
        var altered = conductor.Image.Manifest();
        altered[altered.Length / 2] ^= 1;
        Assert.Equal(422, (await RefusalAsync(() => conductor.Operator.AddImageAsync(altered, None))).Status);
        Assert.Empty(await ListAsync(conductor));
    }

    [Fact]
    public async Task Add_TheSameTwice_IsOneAndAnotherOfItsNameAndVersion_IsRefused()
    {
        await using var conductor = await TestConductor.StartAsync();
        var manifest = conductor.Image.Manifest();
        await conductor.Image.AddAsync(conductor, manifest);
        await conductor.Operator.AddImageAsync(manifest, None);
        Assert.Equal(409, (await RefusalAsync(() => conductor.Operator.AddImageAsync(conductor.Image.Manifest(firmware: ["uefi"]), None))).Status);
        var image = Assert.Single(await ListAsync(conductor));
        Assert.Equal(("debian", "12", "x86_64", TestImage.DiskBytes), (image.Name, image.Version, image.Arch, image.DiskBytes));
        Assert.Equal(1UL, image.Release);
        Assert.Equal(manifest, await conductor.Operator.GetImageManifestAsync("debian", None));
    }

    [Fact]
    public async Task Name_OfSeveralVersions_IsRefusedAndListed()
    {
        await using var conductor = await TestConductor.StartAsync();
        await conductor.Image.AddAsync(conductor);
        await conductor.Operator.AddImageAsync(conductor.Image.Manifest(version: "13"), None);
        var refusal = await RefusalAsync(() => conductor.Operator.GetImageAsync("debian", None));
        Assert.Equal(409, refusal.Status);
        Assert.Contains("12, 13", refusal.Title, StringComparison.Ordinal);
        Assert.Equal("13", (await conductor.Operator.GetImageAsync("debian:13", None)).Version);
    }

    [Fact]
    public async Task Remove_KeepsTheBlobsThatAnotherImageNames()
    {
        await using var conductor = await TestConductor.StartAsync();
        await conductor.Image.AddAsync(conductor);
        await conductor.Operator.AddImageAsync(conductor.Image.Manifest(version: "13"), None);
        var source = Digest.Of(conductor.Image.Source).ToString();
        await conductor.Operator.RemoveImageAsync("debian:12", None);
        Assert.True(await conductor.Operator.HasBlobAsync(source, None));
        await conductor.Operator.RemoveImageAsync("debian:13", None);
        Assert.False(await conductor.Operator.HasBlobAsync(source, None));
    }

    [Fact]
    public async Task Remove_WhileAJobDeploysIt_IsRefused()
    {
        await using var site = await TestSite.StartAvailableAsync();
        await site.DeployAsync();
        Assert.Equal(409, (await RefusalAsync(() => site.Conductor.Operator.RemoveImageAsync("debian", None))).Status);
    }

    public static TheoryData<string, string> Misfits() => new()
    {
        { "arch", "aarch64" },
        { "any", "does not say" },
        { "firmware", "boots under uefi" },
        { "no firmware", "does not say" },
        { "sectors", "sectors of 4096" },
        { "size", $"{TestAgent.OneDisk.SizeBytes}" },
    };

    [Theory]
    [MemberData(nameof(Misfits))]
    public async Task Deploy_OfAnImageThatDoesNotFit_IsRefusedBeforeAnythingHappens(string misfit, string word)
    {
        await using var site = await TestSite.StartAvailableAsync();
        var image = site.Conductor.Image;
        var manifest = misfit switch
        {
            "arch" => image.Manifest("odd", arch: "aarch64"),
            "any" => image.Manifest("odd", arch: "any"),
            "firmware" => image.Manifest("odd", firmware: ["uefi"]),
            "no firmware" => image.Manifest("odd", firmware: []),
            "sectors" => image.Manifest("odd", sectorSize: 4096),
            _ => image.Manifest("odd", diskBytes: TestAgent.OneDisk.SizeBytes + 512),
        };
        if (misfit == "size")
            await TestImage.UploadAsync(site.Conductor.Operator, new byte[ChunkLayout.ForDisk(TestAgent.OneDisk.SizeBytes + 512).Count * Digest.Size]);
        await site.Conductor.Operator.AddImageAsync(manifest, None);
        var refusal = await RefusalAsync(() => site.DeployAsync(new DeployNode("odd")));
        Assert.Equal(422, refusal.Status);
        Assert.Contains(word, refusal.Title, StringComparison.Ordinal);
        Assert.Equal((NodeState.Available, 1), ((await site.NodeAsync()).State, site.Bmc.Starts));
    }

    [Fact]
    public async Task Deploy_WithoutTrustOrByADocumentThatDoesNotNameUs_IsRefusedNamingTheCommand()
    {
        await using var conductor = await TestConductor.StartAsync();
        await conductor.Image.AddAsync(conductor);
        await conductor.Operator.EnrolNodeAsync(new EnrolNode("n1", "52:54:00:00:00:01", new PowerSettings("manual")), None);
        var refusal = await RefusalAsync(() => conductor.Operator.DeployAsync("n1", new DeployNode("debian"), None));
        Assert.Contains("does not name this conductor's order key", refusal.Title, StringComparison.Ordinal);
        Assert.Contains("conductor key trust", refusal.Remedy, StringComparison.Ordinal);
        Assert.Contains("trust-1.dsse.json", refusal.Remedy, StringComparison.Ordinal);

        File.Delete(Path.Combine(conductor.Settings.TrustDirectory, "trust-1.dsse.json"));
        refusal = await RefusalAsync(() => conductor.Operator.DeployAsync("n1", new DeployNode("debian"), None));
        Assert.StartsWith("No trust document is loaded", refusal.Title, StringComparison.Ordinal);
        Assert.Contains("conductor key trust", refusal.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deploy_ImageExpiredOrTrustExpired_IsRefused()
    {
        await using var site = await TestSite.StartAvailableAsync();
        await site.Conductor.Operator.AddImageAsync(site.Conductor.Image.Manifest("short", notAfter: site.Conductor.Clock.GetUtcNow().AddHours(2)), None);
        site.Conductor.Clock.Jump(TimeSpan.FromHours(3));
        Assert.Contains("expired", (await RefusalAsync(() => site.DeployAsync(new DeployNode("short")))).Title, StringComparison.Ordinal);
        site.Conductor.Clock.Jump(TimeSpan.FromDays(366));
        // The server's certificate is renewed meanwhile; this client's clock stands where it stood.
        Assert.Contains("Trust document version 2 expired", (await RefusalAsync(() => site.DeployAsync())).Title, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DryRun_TellsTheJobAsItWouldBeAndStartsNothing()
    {
        await using var site = await TestSite.StartAvailableAsync();
        var job = await site.DeployAsync(new DeployNode("debian", DryRun: true));
        Assert.Equal(("", "vda", "debian:12"), (job.Id, job.Deployment!.TargetDisk, job.Deployment.Image));
        Assert.Equal(NodeState.Available, (await site.NodeAsync()).State);
    }

    private static async Task<List<Image>> ListAsync(TestConductor conductor)
    {
        var images = new List<Image>();
        await foreach (var image in conductor.Operator.ListImagesAsync(None))
            images.Add(image);
        return images;
    }
}
