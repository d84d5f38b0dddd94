using Baremetal.Api.Client;
using Baremetal.Conductor.Settings;
using Baremetal.Trust;

namespace Baremetal.Conductor.Tests.World;

/// <summary>A signed image of some megabytes, and the keys behind it. What is in it no conductor looks at.</summary>
internal sealed class TestImage
{
    private readonly SigningKey _root;
    private readonly SigningKey _signer;
    private readonly string _trustDirectory;
    private TrustDocument _trust;

    private TestImage(SigningKey root, SigningKey signer, string trustDirectory, TrustDocument trust)
    {
        (_root, _signer, _trustDirectory, _trust) = (root, signer, trustDirectory, trust);
        Source = new byte[(3 << 20) + 5];
        new Random(1).NextBytes(Source);
        SourceIndex = IndexOf(Source, ChunkLayout.ForSource(Source.Length));
        DiskIndex = new byte[ChunkLayout.ForDisk(DiskBytes).Count * Digest.Size];
        new Random(2).NextBytes(DiskIndex);
    }

    public const long DiskBytes = 64 << 20;

    public byte[] Source { get; }

    public byte[] SourceIndex { get; }

    public byte[] DiskIndex { get; }

    /// <summary>Makes the keys of a site, and the trust document that names them, the conductor's order key and its CA.</summary>
    public static TestImage Create(ConductorSettings settings, TimeProvider time)
    {
        var image = new TestImage(SigningKey.Create(), SigningKey.Create(), settings.TrustDirectory, null!);
        image._trust = TrustDocument.First(image._root.Public, image._signer.Public, time.GetUtcNow().AddYears(1));
        image.WriteTrust();
        return image;
    }

    /// <summary>Signs the version that lets this conductor order deploys.</summary>
    public void TrustConductor(string orderPublicKey, Digest ca)
    {
        Assert.True(PublicKey.TryLoad(orderPublicKey, out var order, out _));
        var changes = new TrustChanges { Add = [(TrustRole.Conductor, order)], ConductorCaSha256 = ca };
        Assert.True(changes.TryApply(_trust, _trust.Expires.AddYears(-1), out var next, out var rejection), rejection?.ToString());
        Advance(_ => next);
    }

    public void Advance(Func<TrustDocument, TrustDocument> change)
    {
        _trust = change(_trust);
        WriteTrust();
    }

    public void TrustConductor(TestConductor conductor)
    {
        using var ca = conductor.Certificate();
        TrustConductor(conductor.StatePath("order.pub"), Digest.Of(ca.RawData));
    }

    public byte[] Manifest(string name = "debian", string version = "12", string arch = "x86_64", string[]? firmware = null, int sectorSize = 512, long diskBytes = DiskBytes, DateTimeOffset? notAfter = null, SigningKey? signer = null, PartitionImage? partition = null)
    {
        var source = ChunkLayout.ForSource(Source.Length);
        var disk = ChunkLayout.ForDisk(diskBytes);
        var diskIndex = diskBytes == DiskBytes ? DiskIndex : new byte[disk.Count * Digest.Size];
        var manifest = ImageManifest.Of(
            new ImagePredicate(
                name, version, arch, firmware ?? ["bios", "uefi"], Release: 1, DateTimeOffset.UnixEpoch,
                new DiskContent(diskBytes, sectorSize, disk.ChunkSize, disk.Count, ChunkedContent.Sha256, new IndexReference(Digest.Of(diskIndex), diskIndex.Length)),
                new SourceContent("qcow2", "zstd", Source.Length, source.ChunkSize, source.Count, ChunkedContent.Sha256, new IndexReference(Digest.Of(SourceIndex), SourceIndex.Length)),
                notAfter,
                Partition: partition),
            Digest.Of(DiskIndex),
            Digest.Of(Source));
        return Envelope.Sign(ImageManifest.PayloadType, manifest.ToPayload(), signer ?? _signer);
    }

    /// <summary>Uploads the three blobs and adds the image.</summary>
    public async Task AddAsync(TestConductor conductor, byte[]? manifest = null)
    {
        foreach (var blob in new[] { Source, SourceIndex, DiskIndex })
            await UploadAsync(conductor.Operator, blob);
        await conductor.Operator.AddImageAsync(manifest ?? Manifest(), CancellationToken.None);
    }

    public static async Task UploadAsync(ConductorClient client, byte[] blob)
    {
        var file = Path.GetTempFileName();
        await File.WriteAllBytesAsync(file, blob);
        await client.UploadBlobAsync(Digest.Of(blob).ToString(), file, progress: null, CancellationToken.None);
        File.Delete(file);
    }

    private void WriteTrust() => File.WriteAllBytes(
        Path.Combine(_trustDirectory, $"trust-{_trust.Version}.dsse.json"),
        Envelope.Sign(TrustDocument.PayloadType, _trust.ToPayload(), _root));

    private static byte[] IndexOf(byte[] data, ChunkLayout layout)
    {
        var index = new byte[layout.Count * Digest.Size];
        for (var chunk = 0; chunk < layout.Count; chunk++)
            Digest.Of(data.AsSpan((int)layout.OffsetOf(chunk), layout.LengthOf(chunk))).CopyTo(index.AsSpan(chunk * Digest.Size));
        return index;
    }
}
