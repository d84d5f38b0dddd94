using System.Text;
using System.Text.Json.Nodes;

namespace Baremetal.Trust.Tests;

public sealed class TrustAnchorTests : IDisposable
{
    private static readonly DateTimeOffset Now = TestDocuments.Now;
    private readonly SigningKey _root = SigningKey.Create();
    private readonly SigningKey _image = SigningKey.Create();
    private readonly SigningKey _order = SigningKey.Create();
    private readonly SigningKey _stranger = SigningKey.Create();

    public void Dispose()
    {
        _root.Dispose();
        _image.Dispose();
        _order.Dispose();
        _stranger.Dispose();
    }

    private TrustDocument First => TestDocuments.Trust(_root, _image);

    private TrustAnchor Anchor(TrustDocument? document = null) => TestDocuments.Pin(TestDocuments.Sign(document ?? First, _root));

    private static string Refusal(TrustAnchor anchor, byte[] manifest, DateTimeOffset? at = null)
    {
        Assert.False(anchor.TryOpenManifest(manifest, at ?? Now, out _, out _, out var rejection));
        return rejection.Cause;
    }

    [Fact]
    public void TryPin_SignedByItsRoot_IsInForce() => Assert.Equal(1, Anchor().Document.Version);

    [Fact]
    public void TryPin_SignedByAnotherKey_IsRefused() =>
        Assert.False(TrustAnchor.TryPin(TestDocuments.Sign(First, _image), out _, out _));

    [Fact]
    public void TryPin_KeyIdThatIsNotItsKeys_IsRefused()
    {
        var payload = JsonNode.Parse(First.ToPayload())!;
        payload["keys"]![_image.KeyId.ToString()]!["spki"] = Convert.ToBase64String(_stranger.Public.Spki);
        var envelope = Envelope.Sign(TrustDocument.PayloadType, Encoding.UTF8.GetBytes(payload.ToJsonString()), _root);

        Assert.False(TrustAnchor.TryPin(envelope, out _, out var rejection));
        Assert.Contains(_image.KeyId.ToString(), rejection.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void TryPin_UnknownAlgorithm_IsRefused()
    {
        var payload = JsonNode.Parse(First.ToPayload())!;
        payload["keys"]![_image.KeyId.ToString()]!["alg"] = "none";

        Assert.False(TrustAnchor.TryPin(Envelope.Sign(TrustDocument.PayloadType, Encoding.UTF8.GetBytes(payload.ToJsonString()), _root), out _, out _));
    }

    [Fact]
    public void TryAdvance_NextVersionSignedByRoot_NamesTheConductor()
    {
        var second = TestDocuments.WithConductor(First, _order.Public);

        Assert.True(TrustAnchor.TryWalk([TestDocuments.Sign(First, _root), TestDocuments.Sign(second, _root)], out var anchor, out _));
        Assert.Equal(2, anchor.Document.Version);
        Assert.Equal(Digest.Of("ca"u8), anchor.Document.ConductorCaSha256);
    }

    [Fact]
    public void TryAdvance_RootReplacedWithoutTheOldOne_IsRefused()
    {
        var stolen = TestDocuments.Trust(_stranger, _image) with { Version = 2 };

        Assert.False(Anchor().TryAdvance(TestDocuments.Sign(stolen, _stranger), out _, out _));
        Assert.False(Anchor().TryAdvance(TestDocuments.Sign(stolen, _root), out _, out _));
        Assert.True(Anchor().TryAdvance(TestDocuments.Sign(stolen, _root, _stranger), out _, out _));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void TryAdvance_NotTheNextVersion_IsRefused(long version) =>
        Assert.False(Anchor().TryAdvance(TestDocuments.Sign(First with { Version = version }, _root), out _, out _));

    [Fact]
    public void TryOpenManifest_SignedByItsSigner_Opens()
    {
        var envelope = TestDocuments.Sign(TestDocuments.Manifest(), _image);

        Assert.True(Anchor().TryOpenManifest(envelope, Now, out var manifest, out var digest, out _));
        Assert.Equal("debian", manifest.Predicate.Name);
        Assert.Equal(Digest.Of("source"u8), manifest.SourceDigest);
        Assert.Equal(Digest.Of(TestDocuments.Manifest().ToPayload()), digest);
    }

    [Fact]
    public void TryOpenManifest_SignedByStrangerOrRoot_IsRefused()
    {
        Assert.Contains("image role", Refusal(Anchor(), TestDocuments.Sign(TestDocuments.Manifest(), _stranger)), StringComparison.Ordinal);
        Assert.Contains("image role", Refusal(Anchor(), TestDocuments.Sign(TestDocuments.Manifest(), _root)), StringComparison.Ordinal);
    }

    [Fact]
    public void TryOpenManifest_NameOutsideTheSignersGlobs_IsRefused()
    {
        var names = new Dictionary<string, string[]> { [_image.KeyId.ToString()] = ["web-*"] };
        var anchor = Anchor(First with { Roles = First.Roles with { Image = First.Roles.Image with { Names = names } } });

        Assert.Contains("may not sign", Refusal(anchor, TestDocuments.Sign(TestDocuments.Manifest("debian"), _image)), StringComparison.Ordinal);
        Assert.True(anchor.TryOpenManifest(TestDocuments.Sign(TestDocuments.Manifest("web-1"), _image), Now, out _, out _, out _));
    }

    [Fact]
    public void TryOpenManifest_RevokedManifestOrKey_IsRefused()
    {
        var envelope = TestDocuments.Sign(TestDocuments.Manifest(), _image);
        var digest = Digest.Of(TestDocuments.Manifest().ToPayload());

        Assert.Contains("revoked", Refusal(Anchor(First with { Revoked = new Revocations([], [digest]) }), envelope), StringComparison.Ordinal);
        Assert.Contains("image role", Refusal(Anchor(First with { Revoked = new Revocations([_image.KeyId], []) }), envelope), StringComparison.Ordinal);
    }

    [Fact]
    public void TryOpenManifest_Expired_IsRefusedNamingTheTime()
    {
        var envelope = TestDocuments.Sign(TestDocuments.Manifest(notAfter: Now), _image);

        Assert.True(Anchor().TryOpenManifest(envelope, Now, out _, out _, out _));
        Assert.Contains("expired", Refusal(Anchor(), envelope, Now.AddSeconds(1)), StringComparison.Ordinal);
        Assert.Contains("Trust document", Refusal(Anchor(), envelope, Now.AddYears(2)), StringComparison.Ordinal);
    }

    [Fact]
    public void TryOpenManifest_OlderThanTheLeastRelease_IsRefused()
    {
        var anchor = Anchor(First with { MinRelease = new Dictionary<string, ulong> { ["debian"] = 5 } });

        Assert.Contains("release 4", Refusal(anchor, TestDocuments.Sign(TestDocuments.Manifest(release: 4), _image)), StringComparison.Ordinal);
        Assert.True(anchor.TryOpenManifest(TestDocuments.Sign(TestDocuments.Manifest(release: 5), _image), Now, out _, out _, out _));
    }

    [Fact]
    public void TryOpenManifest_TwoOfTwoDemanded_OneIsNotEnough()
    {
        var role = First.Roles.Image with
        {
            Keyids = [_image.KeyId, _order.KeyId],
            Threshold = 2,
            Names = new Dictionary<string, string[]> { [_image.KeyId.ToString()] = ["*"], [_order.KeyId.ToString()] = ["*"] },
        };
        var keys = new Dictionary<string, TrustedKey>(First.Keys) { [_order.KeyId.ToString()] = TrustedKey.Of(_order.Public) };
        var anchor = Anchor(First with { Keys = keys, Roles = First.Roles with { Image = role } });

        Refusal(anchor, TestDocuments.Sign(TestDocuments.Manifest(), _image));
        Assert.True(anchor.TryOpenManifest(TestDocuments.Sign(TestDocuments.Manifest(), _image, _order), Now, out _, out _, out _));
    }

    [Theory]
    [InlineData("predicate.disk.size", "33554433")]
    [InlineData("predicate.disk.size", "-1")]
    [InlineData("predicate.disk.size", "9223372036854775807")]
    [InlineData("predicate.disk.sectorSize", "520")]
    [InlineData("predicate.disk.chunkSize", "0")]
    [InlineData("predicate.disk.chunkSize", "3000000")]
    [InlineData("predicate.disk.chunkSize", "1073741824")]
    [InlineData("predicate.disk.chunkCount", "17")]
    [InlineData("predicate.disk.hash", "\"md5\"")]
    [InlineData("predicate.source.size", "0")]
    [InlineData("predicate.source.index.size", "31")]
    [InlineData("predicate.source.index", "null")]
    [InlineData("predicate.name", "\"../etc\"")]
    [InlineData("predicate.version", "\"a b\"")]
    [InlineData("predicateType", "\"urn:other\"")]
    [InlineData("subject", "[]")]
    [InlineData("subject", "[null,null]")]
    [InlineData("predicate.partition", "{}")]
    [InlineData("predicate.partition.rootPartition", "0")]
    [InlineData("predicate.partition.rootPartition", "129")]
    [InlineData("predicate.partition.rootOffset", "0")]
    [InlineData("predicate.partition.rootOffset", "67108864")]
    [InlineData("predicate.partition.rootBytes", "0")]
    [InlineData("predicate.partition.rootBytes", "9223372036854775807")]
    [InlineData("predicate.partition.kernelSha256", "null")]
    [InlineData("predicate.partition.kernel.offset", "0")]
    [InlineData("predicate.partition.kernel.bytes", "9223372036854775807")]
    [InlineData("predicate.partition.ramdisk.bytes", "-1")]
    [InlineData("predicate.partition.ramdisk.offset", "2097152")]
    public void TryOpenManifest_SignedButContradictory_IsRefused(string path, string value)
    {
        var manifest = TestDocuments.Manifest();
        var partition = new PartitionImage(3, 2 << 20, 8 << 20, "ext4", Digest.Of("root"u8), Digest.Of("kernel"u8), Digest.Of("ramdisk"u8), "quiet", new DiskExtent(1 << 20, 5000), new DiskExtent((1 << 20) + 8192, 6000));
        var payload = JsonNode.Parse((manifest with { Predicate = manifest.Predicate with { Partition = partition } }).ToPayload())!;
        Assert.True(Anchor().TryOpenManifest(Envelope.Sign(ImageManifest.PayloadType, Encoding.UTF8.GetBytes(payload.ToJsonString()), _image), Now, out _, out _, out _));
        var names = path.Split('.');
        var parent = names[..^1].Aggregate(payload, (node, name) => node[name]!);
        parent[names[^1]] = JsonNode.Parse(value);
        var envelope = Envelope.Sign(ImageManifest.PayloadType, Encoding.UTF8.GetBytes(payload.ToJsonString()), _image);

        Assert.NotEmpty(Refusal(Anchor(), envelope));
    }

    [Fact]
    public void TryOpenManifest_ChunksSmallerThanAClusterMayBe_IsRefused()
    {
        var manifest = TestDocuments.Manifest();
        var (disk, source) = (manifest.Predicate.Disk, manifest.Predicate.Source);
        var (smallDisk, smallSource) = (new ChunkLayout(disk.Size, 2 << 20), new ChunkLayout(source.Size, 512 << 10));

        Assert.Contains("disk chunks", RefusalOf(manifest.Predicate with
        {
            Disk = disk with { ChunkSize = smallDisk.ChunkSize, ChunkCount = smallDisk.Count, Index = disk.Index with { Size = smallDisk.Count * Digest.Size } },
        }), StringComparison.Ordinal);
        Assert.Contains("source chunks", RefusalOf(manifest.Predicate with
        {
            Source = source with { ChunkSize = smallSource.ChunkSize, ChunkCount = smallSource.Count, Index = source.Index with { Size = smallSource.Count * Digest.Size } },
        }), StringComparison.Ordinal);

        string RefusalOf(ImagePredicate predicate) => Refusal(Anchor(), TestDocuments.Sign(manifest with { Predicate = predicate }, _image));
    }

    [Fact]
    public void TryOpenOrder_ByTheNamedConductorOnly_Opens()
    {
        var order = new DeployOrder("job-1", 1, "node-1", "boot-1", "nonce", 2, [new OrderStep("reboot")], Now, Now.AddMinutes(10), Digest.Of("m"u8), new TargetDisk(8L << 30, 512, Serial: "S1"));
        var anchor = Anchor(First with { Version = 1 });
        Assert.True(anchor.TryAdvance(TestDocuments.Sign(TestDocuments.WithConductor(First, _order.Public), _root), out var next, out _));

        Assert.True(next.TryOpenOrder(Envelope.Sign(DeployOrder.PayloadType, order.ToPayload(), _order), out var opened, out _));
        Assert.Equal(order.Target, opened.Target);
        Assert.False(next.TryOpenOrder(Envelope.Sign(DeployOrder.PayloadType, order.ToPayload(), _image), out _, out _));
        Assert.False(anchor.TryOpenOrder(Envelope.Sign(DeployOrder.PayloadType, order.ToPayload(), _order), out _, out _));
    }

    [Fact]
    public void TryOpenOrder_ByARevokedConductor_IsRefusedNamingTheKey()
    {
        var order = new DeployOrder("job-1", 1, "node-1", "boot-1", "nonce", 2, [], Now, Now.AddMinutes(10), Digest.Of("m"u8), new TargetDisk(8L << 30, 512, Serial: "S1"));
        var second = TestDocuments.WithConductor(TestDocuments.WithConductor(First, _order.Public) with { Version = 1 }, _stranger.Public) with { Version = 1 };
        var revoked = TestDocuments.Next(second, new TrustChanges { RevokedKeys = [_order.KeyId] });
        var anchor = Anchor(second);
        Assert.True(anchor.TryAdvance(TestDocuments.Sign(revoked, _root), out var next, out _));

        Assert.True(anchor.TryOpenOrder(Envelope.Sign(DeployOrder.PayloadType, order.ToPayload(), _order), out _, out _));
        Assert.False(next.TryOpenOrder(Envelope.Sign(DeployOrder.PayloadType, order.ToPayload(), _order), out _, out var rejection));
        Assert.Contains($"those of {_order.KeyId} do not count", rejection.Cause, StringComparison.Ordinal);
        Assert.True(next.TryOpenOrder(Envelope.Sign(DeployOrder.PayloadType, order.ToPayload(), _stranger), out _, out _));
    }

    [Fact]
    public void TryOpenManifest_RevokedKeyBesideAGoodOne_DoesNotCountTowardsTheThreshold()
    {
        var two = TestDocuments.Next(First, new TrustChanges
        {
            Add = [(TrustRole.Image, _order.Public), (TrustRole.Image, _stranger.Public)],
            Thresholds = new Dictionary<TrustRole, int> { [TrustRole.Image] = 2 },
        }) with
        { Version = 1 };
        var revoked = TestDocuments.Next(two, new TrustChanges { RevokedKeys = [_stranger.KeyId] });
        var envelope = TestDocuments.Sign(TestDocuments.Manifest(), _image, _stranger);

        Assert.True(Anchor(two).TryOpenManifest(envelope, Now, out _, out _, out _));
        Assert.Contains("1 valid signature(s) of the image role, which demands 2", Refusal(Anchor(revoked), envelope), StringComparison.Ordinal);
        Assert.True(Anchor(revoked).TryOpenManifest(TestDocuments.Sign(TestDocuments.Manifest(), _image, _order), Now, out _, out _, out _));
    }
}
