using System.Text;
using Baremetal.Support;

namespace Baremetal.Trust.Tests;

/// <summary>Damaged documents of every kind: a refusal that says why, or a document that holds what its readers rely on; never an exception.</summary>
public sealed class DocumentFuzzTests : IDisposable
{
    private readonly SigningKey _root = SigningKey.Create();
    private readonly SigningKey _image = SigningKey.Create();
    private readonly SigningKey _order = SigningKey.Create();

    private static DeployOrder Order => new(
        "job-1", 1, "node-1", "boot-1", Convert.ToBase64String(new byte[32]), 2,
        [new OrderStep("write", new Dictionary<string, string> { ["name"] = "value" }), new OrderStep("reboot")], TestDocuments.Now, TestDocuments.Now.AddMinutes(10), Digest.Of("m"u8),
        Disk, Reuse: true, Digest.Of("u"u8), Digest.Of("c"u8), new EraseOrder("zero", [Disk, Disk], Done: [Disk]));

    private static TargetDisk Disk => new(8L << 30, 512, "0x5000c500a1b2c3d4", "S1", "pci-0000:00:01.0");

    public void Dispose()
    {
        _root.Dispose();
        _image.Dispose();
        _order.Dispose();
    }

    [Fact]
    public void Envelope_Mutated_IsRefusedOrReadable()
    {
        var good = TestDocuments.Sign(TestDocuments.Manifest(), _image, _root);
        var mutator = new JsonMutator(seed: 1, good);
        var number = 0;

        var accepted = Fuzz.Run("envelope", mutator.Next, bytes =>
        {
            if (!Envelope.TryRead(bytes, out var envelope, out var payload, out var rejection))
                return Refused(rejection);
            Assert.InRange(payload.Length, 0, bytes.Length);
            Assert.All(envelope.Signatures, signature => Assert.NotNull(signature.Sig));
            // A check costs ten times what the reading does; the bytes that it sees are the same ones.
            if (number++ % 50 == 0 && Envelope.TryOpen(bytes, ImageManifest.PayloadType, [_image.Public, _root.Public], out var signed, out _) && signed.Signers.Count > 0)
                Assert.Equal(TestDocuments.Manifest().ToPayload(), signed.Payload);
            return true;
        });

        Assert.InRange(accepted, 1, Fuzz.Cases() - 1);
    }

    [Fact]
    public void Manifest_Mutated_IsRefusedOrSafe()
    {
        var mutator = new JsonMutator(seed: 2, TestDocuments.Manifest(notAfter: TestDocuments.Now).ToPayload());

        var accepted = Fuzz.Run("manifest", mutator.Next, bytes =>
        {
            if (!ImageManifest.TryParse(bytes, out var manifest, out var rejection))
                return Refused(rejection);
            var image = manifest.Predicate;
            Assert.True(ImageName.IsValid(image.Name) && ImageName.IsValid(image.Version));
            Assert.All(image.Firmware, Assert.NotNull);
            Assert.NotNull(image.Arch);
            foreach (var content in new ChunkedContent[] { image.Disk, image.Source })
            {
                Assert.InRange(content.Size, 1, ChunkLayout.MaxSize);
                Assert.InRange(content.ChunkSize, 1 << 20, ChunkLayout.MaxChunkSize);
                Assert.Equal(content.Index.Size, content.Layout.Count * 32L);
            }
            _ = (manifest.DiskDigest, manifest.SourceDigest);
            return ImageManifest.TryParse(manifest.ToPayload(), out _, out _);
        });

        Assert.InRange(accepted, 1, Fuzz.Cases() - 1);
    }

    [Fact]
    public void TrustDocument_Mutated_IsRefusedOrSafe()
    {
        var good = TestDocuments.WithConductor(TestDocuments.Trust(_root, _image), _order.Public) with
        {
            Revoked = new Revocations([Digest.Of("key"u8)], [Digest.Of("manifest"u8)]),
            MinRelease = new Dictionary<string, ulong> { ["debian"] = 5 },
        };
        var mutator = new JsonMutator(seed: 3, good.ToPayload());
        var number = 0;

        var accepted = Fuzz.Run("trust", mutator.Next, bytes =>
        {
            if (!TrustDocument.TryParse(bytes, out var document, out var rejection))
                return Refused(rejection);
            Assert.True(document.Version > 0 && document.Roles.Root.Threshold > 0);
            Assert.InRange(document.Roles.Root.Threshold, 1, document.Roles.Root.Keyids.Length);
            foreach (var role in Enum.GetValues<TrustRole>().Select(document.Roles.Of))
            {
                Assert.True(role.Threshold > 0);
                Assert.All(role.Keyids, key => Assert.Contains(key.ToString(), document.Keys));
            }
            // What its readers do with it.
            _ = (document.Revoked.Keyids.Length, document.Revoked.Manifests.Length, document.MinRelease.GetValueOrDefault("debian"));
            _ = document.Roles.Image.Keyids.Select(key => document.Roles.Image.Names.GetValueOrDefault(key.ToString())?.Length).ToArray();
            // Reading all keys once more costs more than all the rest.
            if (number++ % 20 == 0)
                _ = new TrustChanges { Expires = TestDocuments.Now.AddYears(9) }.TryApply(document, TestDocuments.Now, out _, out _);
            return true;
        });

        Assert.InRange(accepted, 1, Fuzz.Cases() - 1);
    }

    [Fact]
    public void Order_Mutated_IsRefusedOrSafe()
    {
        var mutator = new JsonMutator(seed: 4, Order.ToPayload());

        var accepted = Fuzz.Run("order", mutator.Next, bytes =>
        {
            if (!DeployOrder.TryParse(bytes, out var order, out var rejection))
                return Refused(rejection);
            Assert.True(order is { OrderId: not null, NodeId: not null, BootId: not null, AgentNonce: not null });
            Assert.True(order.Erase is null or { Depth: not null } && order.Erase?.Disks.All(disk => disk is not null) != false, "what to erase has no depth, or a disk that is none");
            _ = order.NotAfter - order.IssuedAt;
            foreach (var step in order.Steps)
                Assert.True(step.Name is not null && (step.Args is null || step.Args.Values.All(value => value is not null)), "a step has no name, or an argument without a value");
            return true;
        });

        Assert.InRange(accepted, 1, Fuzz.Cases() - 1);
    }

    [Fact]
    public void ChunkIndex_Mutated_IsRefusedUnlessItIsTheSignedOne()
    {
        var layout = new ChunkLayout((40L << 20) + 7, 1 << 20);
        var good = TestDocuments.Random(layout.Count * Digest.Size, seed: 5);
        var content = new SourceContent("raw", "none", layout.Size, layout.ChunkSize, layout.Count, "sha256", new IndexReference(Digest.Of(good), good.Length));
        var mutator = new Mutator(seed: 5);
        var random = new Random(5);

        var accepted = Fuzz.Run(
            "index",
            () => random.Next(4) switch
            {
                0 => good[..random.Next(good.Length)],
                1 => [.. good, .. good.AsSpan(random.Next(good.Length))],
                _ => mutator.Mutate(good, ..),
            },
            bytes =>
            {
                if (!ChunkIndex.TryVerify(bytes, content, "source", out var index, out var rejection))
                    return Refused(rejection);
                Assert.Equal(good, bytes);
                return index.Count == layout.Count;
            });

        // Only a mutation that put back what was there.
        Assert.InRange(accepted, 0, Fuzz.Cases() / 20);
    }

    // What the mutations have found, kept.
    [Theory]
    [InlineData("manifest", "\"firmware\":[\"bios\",\"uefi\"]", "\"firmware\":[null,\"uefi\"]")]
    [InlineData("order", "\"name\":\"value\"", "\"name\":null")]
    public void Document_WithAnEmptyElement_IsRefused(string kind, string good, string bad)
    {
        var payload = Encoding.UTF8.GetString(kind == "order" ? Order.ToPayload() : TestDocuments.Manifest().ToPayload());
        Assert.Contains(good, payload, StringComparison.Ordinal);
        var bytes = Encoding.UTF8.GetBytes(payload.Replace(good, bad, StringComparison.Ordinal));

        Assert.False(kind == "order" ? DeployOrder.TryParse(bytes, out _, out var rejection) : ImageManifest.TryParse(bytes, out _, out rejection));
        Assert.Contains("empty", rejection.Cause, StringComparison.Ordinal);
    }

    private static bool Refused(Rejection rejection)
    {
        if (rejection.Cause.Length == 0)
            throw new InvalidOperationException("A refusal says nothing.");
        return false;
    }
}
