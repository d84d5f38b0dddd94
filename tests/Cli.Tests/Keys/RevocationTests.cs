using System.Text;
using System.Text.Json.Nodes;
using Baremetal.Cli.Tests.Images;

namespace Baremetal.Cli.Tests.Keys;

/// <summary>What <c>key revoke</c> signs, seen by <c>image verify</c> and <c>key list</c>, which decide as an agent does.</summary>
public sealed class RevocationTests
{
    private static Task<CommandRun> RevokeAsync(SigningBench bench, string from, string to, params string[] what) =>
        CommandRun.Of(["key", "revoke", .. what, "--root-key", bench.Folder["keys/root.key"], "--in", from, "--out", bench.Folder[to]]);

    private static async Task<string> WithSecondSignerAsync(SigningBench bench, KeyBench keys)
    {
        (await CommandRun.Of("key", "trust", "--root-key", bench.Folder["keys/root.key"], "--in", bench.Trust, "--out", bench.Folder["2"], "--add", $"image={keys.MakeKey("build")}")).Succeeded();
        return bench.Folder["2"];
    }

    [Fact]
    public async Task Revoke_Manifest_IsRefusedFromThatVersionOnNamingIt()
    {
        using var bench = await SigningBench.SignedAsync();
        (await CommandRun.Of("image", "sign", bench.Image, "--key", bench.Key, "--name", "other", "--out", bench.Documents)).Succeeded();

        var output = (await RevokeAsync(bench, bench.Trust, "2", bench.Manifest)).Succeeded();
        var error = (await bench.VerifyAsync("--trust", bench.Folder["2"])).EndedWith(ExitCodes.Refused);

        Assert.Contains("  revoked: manifest ", output, StringComparison.Ordinal);
        Assert.Contains("is revoked by the trust document, version 2", error, StringComparison.Ordinal);
        (await bench.VerifyAsync()).Succeeded();
        (await CommandRun.Of("image", "verify", Path.Combine(bench.Documents, "other.dsse.json"), "--trust", bench.Trust, "--trust", bench.Folder["2"])).Succeeded();
    }

    [Fact]
    public async Task Revoke_ImageKey_ItsSignaturesNoLongerCountAndTheListSaysSo()
    {
        using var bench = await SigningBench.SignedAsync();
        using var keys = new KeyBench();
        var second = await WithSecondSignerAsync(bench, keys);
        var id = KeyBench.IdOf(bench.Folder["keys/image.pub"]);

        (await RevokeAsync(bench, second, "3", id[..16])).Succeeded();
        var error = (await bench.VerifyAsync("--trust", second, "--trust", bench.Folder["3"])).EndedWith(ExitCodes.Refused);

        Assert.Contains("0 valid signature(s) of the image role, which demands 1", error, StringComparison.Ordinal);
        Assert.Contains($"those of {id} do not count, since version 3 of the trust document revokes the key", error, StringComparison.Ordinal);
        Assert.Contains($"image   {id[..16]}   nothing: revoked", (await CommandRun.Of("key", "list", bench.Trust, second, bench.Folder["3"])).Succeeded(), StringComparison.Ordinal);
        (await bench.VerifyAsync("--trust", second)).Succeeded();
    }

    [Fact]
    public async Task Revoke_RootKey_SignsNoFurtherVersion()
    {
        using var keys = await KeyBench.NewAsync();
        var second = await keys.TrustedAsync(keys.First, "2", "--add", $"root={keys.MakeKey("b")}");
        string[] revoke = ["key", "revoke", keys.Folder["keys/root.pub"], "--in", second, "--out", keys.Folder["3"], "--root-key"];

        // The revoked key may still say that it is revoked, but not alone: version 3 counts only the other.
        Assert.Contains("root role of version 3", (await CommandRun.Of([.. revoke, keys.Root])).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
        (await CommandRun.Of([.. revoke, keys.Folder["b.key"]])).Succeeded();

        var error = (await keys.TrustAsync(keys.Folder["3"], "4", "--expires", "3y")).EndedWith(ExitCodes.Refused);
        Assert.Contains("root role of version 3", error, StringComparison.Ordinal);
        Assert.Contains("revokes the key", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("root.pub", "no root key left", "--add root=FILE")]
    [InlineData("image.pub", "no image key left", "--add image=FILE")]
    public async Task Revoke_LastKeyOfARole_IsRefusedWithTheRemedy(string key, string cause, string remedy)
    {
        using var bench = await SigningBench.NewAsync();

        var error = (await RevokeAsync(bench, bench.Trust, "2", bench.Folder[$"keys/{key}"])).EndedWith(ExitCodes.Refused);

        Assert.Contains(cause, error, StringComparison.Ordinal);
        Assert.Contains($"Add another first: 'conductor key trust' with {remedy}", error, StringComparison.Ordinal);
        Assert.False(File.Exists(bench.Folder["2"]));
    }

    [Fact]
    public async Task Revoke_KeyThatTheThresholdNeeds_IsRefused()
    {
        using var bench = await SigningBench.NewAsync();
        using var keys = new KeyBench();
        (await CommandRun.Of("key", "trust", "--root-key", bench.Folder["keys/root.key"], "--in", bench.Trust, "--out", bench.Folder["2"], "--add", $"image={keys.MakeKey("build")}", "--threshold", "image=2")).Succeeded();

        var error = (await RevokeAsync(bench, bench.Folder["2"], "3", keys.Folder["build.pub"])).EndedWith(ExitCodes.Refused);

        Assert.Contains("demand signatures of 2 image keys, and would have 1", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Revoke_AlteredManifest_IsRefusedSinceTheTrueOneWouldStay()
    {
        using var bench = await SigningBench.SignedAsync();
        var envelope = JsonNode.Parse(await File.ReadAllBytesAsync(bench.Manifest, TestContext.Current.CancellationToken))!;
        var payload = bench.Payload();
        payload["predicate"]!["version"] = "2";
        envelope["payload"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(payload.ToJsonString()));
        var altered = bench.Folder.Write("altered.dsse.json", Encoding.UTF8.GetBytes(envelope.ToJsonString()));

        Assert.Contains("No image key of trust document version 1 has signed", (await RevokeAsync(bench, bench.Trust, "2", altered)).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
        Assert.Contains("of type", (await RevokeAsync(bench, bench.Trust, "2", bench.Trust)).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Revoke_Twice_IsRefusedAndTheKeyNeverComesBack()
    {
        using var bench = await SigningBench.SignedAsync();
        using var keys = new KeyBench();
        var second = await WithSecondSignerAsync(bench, keys);
        (await RevokeAsync(bench, second, "3", bench.Folder["keys/image.pub"], bench.Manifest)).Succeeded();

        Assert.Contains("revoked already", (await RevokeAsync(bench, bench.Folder["3"], "4", bench.Folder["keys/image.pub"])).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
        Assert.Contains("revoked already", (await RevokeAsync(bench, bench.Folder["3"], "4", bench.Manifest)).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
        var back = await CommandRun.Of("key", "trust", "--root-key", bench.Folder["keys/root.key"], "--in", bench.Folder["3"], "--out", bench.Folder["4"], "--add", $"image={bench.Folder["keys/image.pub"]}");
        Assert.Contains("is revoked by version 3", back.EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Revoke_WhatIsNotThere_IsNotFoundByName()
    {
        using var bench = await SigningBench.NewAsync();

        Assert.Contains(bench.Folder["none"], (await RevokeAsync(bench, bench.Trust, "2", bench.Folder["none"])).EndedWith(ExitCodes.NotFound), StringComparison.Ordinal);
        Assert.Contains("No key of version 1 begins with 0000000000", (await RevokeAsync(bench, bench.Trust, "2", "0000000000")).EndedWith(ExitCodes.NotFound), StringComparison.Ordinal);
    }
}
