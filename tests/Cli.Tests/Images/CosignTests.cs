using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Baremetal.Cli.Tests.Keys;
using Baremetal.Trust;

namespace Baremetal.Cli.Tests.Images;

/// <summary>Two of three signers, each with a key of its own: together in <c>image sign</c>, or one after the other in <c>image cosign</c>.</summary>
public sealed class CosignTests : IAsyncLifetime
{
    private readonly KeyBench _keys = new();
    private SigningBench _bench = null!;

    private string Second => _bench.Folder["2"];

    public async ValueTask InitializeAsync()
    {
        _bench = await SigningBench.NewAsync();
        await TrustAsync(_bench.Trust, "2", "--add", $"image={_keys.MakeKey("b")}", "--add", $"image={_keys.MakeKey("c")}", "--threshold", "image=2");
    }

    public ValueTask DisposeAsync()
    {
        _bench.Dispose();
        _keys.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task TrustAsync(string from, string to, params string[] options) =>
        (await CommandRun.Of(["key", "trust", "--root-key", _bench.Folder["keys/root.key"], "--in", from, "--out", _bench.Folder[to], .. options])).Succeeded();

    private Task<CommandRun> CosignAsync(string key, params string[] options) =>
        CommandRun.Of(["image", "cosign", _bench.Manifest, "--key", key, "--trust", _bench.Trust, "--trust", Second, .. options]);

    private Task<CommandRun> VerifyAsync(params string[] options) => _bench.VerifyAsync(["--trust", Second, .. options]);

    private JsonNode Manifest() => JsonNode.Parse(File.ReadAllBytes(_bench.Manifest))!;

    [Fact]
    public async Task Sign_TwoKeys_OneEnvelopeHoldsBothSignatures()
    {
        (await _bench.SignAsync("--key", _keys.Folder["b.key"])).Succeeded();

        Assert.Equal(2, Manifest()["signatures"]!.AsArray().Count);
        (await VerifyAsync(_bench.Image)).Succeeded();
    }

    [Fact]
    public async Task Sign_SameKeyTwice_IsWrongUsageAndMakesNothing()
    {
        Assert.Contains("is given already", (await _bench.SignAsync("--key", _bench.Key)).EndedWith(ExitCodes.WrongUsage), StringComparison.Ordinal);
        Assert.False(Directory.Exists(_bench.Documents));
    }

    [Fact]
    public async Task Cosign_SecondSigner_MeetsTheThresholdAndKeepsTheManifest()
    {
        (await _bench.SignAsync()).Succeeded();
        var payload = (string)Manifest()["payload"]!;
        Assert.Contains("1 valid signature(s) of the image role, which demands 2", (await VerifyAsync()).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);

        var output = (await CosignAsync(_keys.Folder["b.key"])).Succeeded();

        Assert.Contains($"Signed debian-12:1 in {_bench.Manifest}, which has 2 signers now.", output, StringComparison.Ordinal);
        Assert.Contains("as many as the trust document demands", output, StringComparison.Ordinal);
        Assert.Equal(payload, (string)Manifest()["payload"]!);
        (await VerifyAsync(_bench.Image)).Succeeded();
        Assert.Equal(3, Directory.GetFileSystemEntries(_bench.Documents).Length);
    }

    [Fact]
    public async Task Cosign_SignatureAdded_IsAcceptedByOpenssl()
    {
        (await _bench.SignAsync()).Succeeded();
        (await CosignAsync(_keys.Folder["b.key"])).Succeeded();
        var type = (string)Manifest()["payloadType"]!;
        var payload = Convert.FromBase64String((string)Manifest()["payload"]!);
        var signed = _bench.Folder.Write("pae", [.. Encoding.ASCII.GetBytes($"DSSEv1 {type.Length} {type} {payload.Length} "), .. payload]);
        var signature = _bench.Folder.Write("sig", Convert.FromBase64String((string)Manifest()["signatures"]![1]!["sig"]!));

        OpenSsl.Run("dgst", "-sha256", "-verify", _keys.Folder["b.pub"], "-signature", signature, signed);
    }

    [Fact]
    public async Task Cosign_ThreeDemanded_SaysHowManyAreMissing()
    {
        await TrustAsync(Second, "3", "--threshold", "image=3");
        (await _bench.SignAsync()).Succeeded();

        var report = KeyBench.Json(await CosignAsync(_keys.Folder["b.key"], "--trust", _bench.Folder["3"], "--output", "json"));
        var last = KeyBench.Json(await CosignAsync(_keys.Folder["c.key"], "--trust", _bench.Folder["3"], "--output", "json"));

        Assert.Equal((1, 0), (report.GetProperty("missing").GetInt32(), last.GetProperty("missing").GetInt32()));
        (await VerifyAsync("--trust", _bench.Folder["3"])).Succeeded();
    }

    [Fact]
    public async Task Cosign_ByTheSameKeyAStrangerOrARevokedOne_IsRefusedAndChangesNothing()
    {
        (await _bench.SignAsync()).Succeeded();
        _keys.MakeKey("stranger");
        (await CommandRun.Of("key", "trust", "--root-key", _bench.Folder["keys/root.key"], "--in", Second, "--out", _bench.Folder["3"], "--names", $"{_keys.Folder["c.pub"]}=ubuntu-*")).Succeeded();
        (await CommandRun.Of("key", "revoke", _keys.Folder["b.pub"], "--root-key", _bench.Folder["keys/root.key"], "--in", _bench.Folder["3"], "--out", _bench.Folder["4"])).Succeeded();
        var before = await File.ReadAllBytesAsync(_bench.Manifest, TestContext.Current.CancellationToken);
        string[] newest = ["--trust", _bench.Folder["3"], "--trust", _bench.Folder["4"]];

        Assert.Contains("has signed the manifest already", (await CosignAsync(_bench.Key)).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
        Assert.Contains("is no image key", (await CosignAsync(_keys.Folder["stranger.key"])).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
        Assert.Contains("or is revoked", (await CosignAsync(_keys.Folder["b.key"], newest)).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
        Assert.Contains("may not sign images named debian-12", (await CosignAsync(_keys.Folder["c.key"], newest)).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
        Assert.Equal(before, await File.ReadAllBytesAsync(_bench.Manifest, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Cosign_ManifestThatIsAlteredExpiredOrRevoked_IsNotSigned()
    {
        (await _bench.SignAsync("--not-after", "1d")).Succeeded();
        var later = new Surroundings { Time = new StoppedClock(CommandRun.Now.AddDays(2)) };
        string[] args = ["image", "cosign", _bench.Manifest, "--key", _keys.Folder["b.key"], "--trust", _bench.Trust, "--trust", Second];
        (await CommandRun.Of("key", "revoke", _bench.Manifest, "--root-key", _bench.Folder["keys/root.key"], "--in", Second, "--out", _bench.Folder["3"])).Succeeded();

        Assert.Contains("expired", (await CommandRun.Of(later, args)).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
        Assert.Contains("is revoked", (await CommandRun.Of([.. args, "--trust", _bench.Folder["3"]])).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
        var envelope = Manifest();
        var payload = _bench.Payload();
        payload["predicate"]!["release"] = 99;
        envelope["payload"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(payload.ToJsonString()));
        await File.WriteAllTextAsync(_bench.Manifest, envelope.ToJsonString(), TestContext.Current.CancellationToken);
        Assert.Contains("0 valid signature(s)", (await CommandRun.Of(args)).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
        Assert.Single(Manifest()["signatures"]!.AsArray());
    }

    [Fact]
    public async Task Verify_SignatureCopiedOrRevoked_DoesNotCountTowardsTheThreshold()
    {
        (await _bench.SignAsync()).Succeeded();
        var envelope = Manifest();
        var copy = envelope["signatures"]![0]!.DeepClone();
        // With another signer's key id too: the hint makes no signer of it.
        copy["keyid"] = KeyBench.IdOf(_keys.Folder["b.pub"]);
        envelope["signatures"]!.AsArray().Add(copy);
        await File.WriteAllTextAsync(_bench.Manifest, envelope.ToJsonString(), TestContext.Current.CancellationToken);
        Assert.Contains("1 valid signature(s)", (await VerifyAsync()).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);

        (await CosignAsync(_keys.Folder["b.key"])).Succeeded();
        (await CommandRun.Of("key", "revoke", _keys.Folder["b.pub"], "--root-key", _bench.Folder["keys/root.key"], "--in", Second, "--out", _bench.Folder["3"])).Succeeded();

        (await VerifyAsync()).Succeeded();
        var error = (await VerifyAsync("--trust", _bench.Folder["3"])).EndedWith(ExitCodes.Refused);
        Assert.Contains("1 valid signature(s) of the image role, which demands 2", error, StringComparison.Ordinal);
        Assert.Contains(KeyBench.IdOf(_keys.Folder["b.pub"]), error, StringComparison.Ordinal);
    }

    // What an agent of today does not know, a later signer may have written: the digest is that of the signed bytes, not of what was understood.
    [Fact]
    public async Task Verify_ManifestWithAMemberFromTheFuture_ShowsTheDigestOfTheSignedBytes()
    {
        (await _bench.SignAsync()).Succeeded();
        var payload = _bench.Payload();
        payload["predicate"]!["fromTheFuture"] = 1;
        Assert.True(SigningKey.TryLoad(_bench.Key, out var key, out _));
        using (key)
            await File.WriteAllBytesAsync(_bench.Manifest, Envelope.Sign(ImageManifest.PayloadType, Encoding.UTF8.GetBytes(payload.ToJsonString()), key), TestContext.Current.CancellationToken);

        var report = JsonDocument.Parse((await _bench.VerifyAsync("--output", "json")).Succeeded()).RootElement;

        Assert.Equal(Digest.Of(Encoding.UTF8.GetBytes(payload.ToJsonString())).ToString(), report.GetProperty("manifestSha256").GetString());
    }
}
