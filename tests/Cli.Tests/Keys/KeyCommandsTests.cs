using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Baremetal.Trust;

namespace Baremetal.Cli.Tests.Keys;

public sealed class KeyCommandsTests : IDisposable
{
    private const string Exists = "exists, and nothing is overwritten";
    private readonly ScratchFolder _folder = new();

    private string Keys => _folder["keys"];

    private string RootKey => Path.Combine(Keys, "root.key");

    private string First => Path.Combine(Keys, "trust.dsse.json");

    public void Dispose() => _folder.Dispose();

    private Task<CommandRun> NewKeys() => CommandRun.Of("key", "new", "--out", Keys);

    private string MakeConductor()
    {
        OpenSsl.MakeCa(_folder["ca.key"], _folder["ca.pem"]);
        OpenSsl.Run("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", _folder["order.key"]);
        OpenSsl.Run("pkey", "-in", _folder["order.key"], "-pubout", "-out", _folder["order.pub"]);
        return _folder["order.pub"];
    }

    private Task<CommandRun> AddConductor(string order, string to = "trust-2.dsse.json") =>
        CommandRun.Of("key", "trust", "--root-key", RootKey, "--in", First, "--add", $"conductor={order}", "--ca", _folder["ca.pem"], "--out", _folder[to]);

    // DSSE's pre-authentication encoding, written down once more so that the product's own is not its own judge.
    private static byte[] SignedBytes(string envelope, out byte[] signature)
    {
        var document = JsonNode.Parse(File.ReadAllBytes(envelope))!;
        var payload = Convert.FromBase64String((string)document["payload"]!);
        var type = (string)document["payloadType"]!;
        signature = Convert.FromBase64String((string)document["signatures"]![0]!["sig"]!);
        return [.. Encoding.ASCII.GetBytes($"DSSEv1 {type.Length} {type} {payload.Length} "), .. payload];
    }

    [Fact]
    public async Task New_EmptyPlace_MakesFiveFilesAndSaysWhatTheyAreFor()
    {
        var output = (await NewKeys()).Succeeded();

        Assert.Equal(["image.key", "image.pub", "root.key", "root.pub", "trust.dsse.json"], Directory.GetFileSystemEntries(Keys).Select(Path.GetFileName).Order());
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(RootKey));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(Keys, "image.key")));
        foreach (var said in Directory.GetFiles(Keys).Select(Path.GetFileName).Append("conductor image sign FILE").Append("conductor key trust --root-key"))
            Assert.Contains(said!, output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task New_TrustDocument_HasASignatureThatOpensslAccepts()
    {
        (await NewKeys()).Succeeded();
        var signed = SignedBytes(First, out var signature);

        OpenSsl.Run("dgst", "-sha256", "-verify", Path.Combine(Keys, "root.pub"), "-signature", _folder.Write("sig", signature), _folder.Write("pae", signed));
    }

    [Fact]
    public async Task List_DocumentSignedByOpenssl_IsVerified()
    {
        (await NewKeys()).Succeeded();
        var signed = SignedBytes(First, out _);
        OpenSsl.Run("dgst", "-sha256", "-sign", RootKey, "-out", _folder["sig"], _folder.Write("pae", signed));
        var envelope = JsonNode.Parse(await File.ReadAllBytesAsync(First, TestContext.Current.CancellationToken))!;
        envelope["signatures"]![0]!["sig"] = Convert.ToBase64String(await File.ReadAllBytesAsync(_folder["sig"], TestContext.Current.CancellationToken));

        (await CommandRun.Of("key", "list", _folder.Write("theirs", Encoding.UTF8.GetBytes(envelope.ToJsonString())))).Succeeded();
    }

    [Theory]
    [InlineData("root.key")]
    [InlineData("image.pub")]
    [InlineData("trust.dsse.json")]
    public async Task New_OneFileExists_IsRefusedAndNothingElseIsMade(string existing)
    {
        Directory.CreateDirectory(Keys);
        await File.WriteAllTextAsync(Path.Combine(Keys, existing), "precious", TestContext.Current.CancellationToken);

        var error = (await NewKeys()).EndedWith(ExitCodes.Refused);

        Assert.Contains(existing, error, StringComparison.Ordinal);
        Assert.Contains(Exists, error, StringComparison.Ordinal);
        Assert.Equal("precious", await File.ReadAllTextAsync(Assert.Single(Directory.GetFileSystemEntries(Keys)), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task New_PlaceThatCannotBeMade_FailsWithItsName()
    {
        _folder.Write("keys", "a file"u8);

        Assert.Contains(Keys, (await NewKeys()).EndedWith(ExitCodes.Failed), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("90d", "2026-04-15")]
    [InlineData("2y", "2028-01-15")]
    [InlineData("2027-03-01", "2027-03-01")]
    [InlineData("2027-03-01T12:30:00Z", "2027-03-01")]
    public async Task New_Expires_IsInTheDocument(string given, string expected)
    {
        var output = (await CommandRun.Of("key", "new", "--out", Keys, "--expires", given, "--output", "json")).Succeeded();

        Assert.Equal(expected, JsonDocument.Parse(output).RootElement.GetProperty("expires").GetDateTimeOffset().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
    }

    [Theory]
    [InlineData("yesterday")]
    [InlineData("2020-01-01")]
    [InlineData("0d")]
    [InlineData("999999y")]
    [InlineData("5000d5")]
    [InlineData("")]
    public async Task New_ExpiresThatIsNoTimeToCome_IsWrongUsage(string given)
    {
        var error = (await CommandRun.Of("key", "new", "--out", Keys, "--expires", given)).EndedWith(ExitCodes.WrongUsage);

        Assert.Contains($"--expires '{given}' is no time to come", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Keys));
    }

    [Fact]
    public async Task Trust_AddConductor_MakesTheVersionThatFollows()
    {
        (await NewKeys()).Succeeded();
        var order = MakeConductor();

        var output = (await AddConductor(order)).Succeeded();
        var report = JsonDocument.Parse((await CommandRun.Of("key", "list", First, _folder["trust-2.dsse.json"], "--output", "json")).Succeeded()).RootElement;

        Assert.Contains("version 2", output, StringComparison.Ordinal);
        Assert.Contains("/etc/baremetal/trust/", output, StringComparison.Ordinal);
        Assert.True(report.GetProperty("verified").GetBoolean());
        var document = report.GetProperty("document");
        Assert.Equal(2, document.GetProperty("version").GetInt64());
        Assert.Equal(CaDigestByOpenssl(), document.GetProperty("conductorCaSha256").GetString());
        Assert.Equal(KeyIdByOpenssl(order), document.GetProperty("roles").GetProperty("conductor").GetProperty("keyids")[0].GetString());
    }

    private string CaDigestByOpenssl() =>
        OpenSsl.Run("x509", "-in", _folder["ca.pem"], "-noout", "-fingerprint", "-sha256").Split('=')[1].Trim().Replace(":", "", StringComparison.Ordinal).ToLowerInvariant();

    private string KeyIdByOpenssl(string publicKey)
    {
        OpenSsl.Run("pkey", "-pubin", "-in", publicKey, "-outform", "DER", "-out", _folder["spki"]);
        return Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(_folder["spki"])));
    }

    [Fact]
    public async Task Trust_MoreTime_KeepsTheRest()
    {
        (await NewKeys()).Succeeded();

        (await CommandRun.Of("key", "trust", "--root-key", RootKey, "--in", First, "--expires", "3y", "--out", _folder["next"])).Succeeded();

        Assert.True(TrustAnchor.TryWalk([await File.ReadAllBytesAsync(First, TestContext.Current.CancellationToken), await File.ReadAllBytesAsync(_folder["next"], TestContext.Current.CancellationToken)], out var anchor, out _));
        Assert.Equal(CommandRun.Now.AddYears(3), anchor.Document.Expires);
        Assert.Empty(anchor.Document.Roles.Conductor.Keyids);
    }

    [Fact]
    public async Task Trust_SignedByAnotherRootKey_IsRefusedAndWritesNothing()
    {
        (await NewKeys()).Succeeded();
        (await CommandRun.Of("key", "new", "--out", _folder["others"])).Succeeded();

        var error = (await CommandRun.Of("key", "trust", "--root-key", _folder["others/root.key"], "--in", First, "--expires", "3y", "--out", _folder["next"])).EndedWith(ExitCodes.Refused);

        Assert.Contains("root role of version 1", error, StringComparison.Ordinal);
        Assert.Contains(First, error, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder["next"]));
    }

    [Fact]
    public async Task Trust_OutExists_IsRefusedAndLeavesIt()
    {
        (await NewKeys()).Succeeded();
        var next = _folder.Write("trust-2.dsse.json", "precious"u8);

        Assert.Contains(Exists, (await AddConductor(MakeConductor())).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
        Assert.Equal("precious", await File.ReadAllTextAsync(next, TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("order.pub", "is not ROLE=FILE")]
    [InlineData("boot=order.pub", "is not ROLE=FILE")]
    [InlineData("conductor=", "is not ROLE=FILE")]
    public async Task Trust_AddWithoutARole_IsWrongUsage(string add, string expected)
    {
        (await NewKeys()).Succeeded();

        var error = (await CommandRun.Of("key", "trust", "--root-key", RootKey, "--in", First, "--add", add, "--out", _folder["next"])).EndedWith(ExitCodes.WrongUsage);

        Assert.Contains(expected, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Trust_NothingToChangeOrNoCa_IsWrongUsage()
    {
        (await NewKeys()).Succeeded();
        string[] common = ["key", "trust", "--root-key", RootKey, "--in", First, "--out", _folder["next"]];

        Assert.Contains("would say the same", (await CommandRun.Of(common)).EndedWith(ExitCodes.WrongUsage), StringComparison.Ordinal);
        Assert.Contains("--add conductor needs --ca", (await CommandRun.Of([.. common, "--add", $"conductor={Path.Combine(Keys, "image.pub")}"])).EndedWith(ExitCodes.WrongUsage), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Trust_FileThatIsMissing_IsNotFoundByName()
    {
        (await NewKeys()).Succeeded();
        MakeConductor();
        var missing = _folder["missing"];

        Assert.Contains(missing, (await AddConductor(missing)).EndedWith(ExitCodes.NotFound), StringComparison.Ordinal);
        Assert.Contains(missing, (await CommandRun.Of("key", "list", missing)).EndedWith(ExitCodes.NotFound), StringComparison.Ordinal);
        Assert.Contains(missing, (await CommandRun.Of("key", "trust", "--root-key", missing, "--in", First, "--expires", "3y", "--out", _folder["next"])).EndedWith(ExitCodes.NotFound), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Trust_CaThatIsNoCertificate_IsRefused()
    {
        (await NewKeys()).Succeeded();
        var order = MakeConductor();
        _folder.Write("ca.pem", "not a certificate"u8);

        Assert.Contains(_folder["ca.pem"], (await AddConductor(order)).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_Verified_ShowsKeysByRole()
    {
        (await NewKeys()).Succeeded();
        var root = KeyIdByOpenssl(Path.Combine(Keys, "root.pub"))[..16];
        var image = KeyIdByOpenssl(Path.Combine(Keys, "image.pub"))[..16];
        var sha256 = Convert.ToHexStringLower(SHA256.HashData(Convert.FromBase64String((string)JsonNode.Parse(await File.ReadAllBytesAsync(First, TestContext.Current.CancellationToken))!["payload"]!)));

        Assert.Equal(
            $"""
            Trust document:  version 1
            Status:          verified
            Expires:         2028-01-15 12:00:00Z
            SHA-256:         {sha256}

            ROLE    KEY                SIGNS
            root    {root}   trust documents
            image   {image}   images *

            """,
            (await CommandRun.Of("key", "list", First)).Succeeded());
    }

    [Fact]
    public async Task List_PayloadAltered_IsNotVerifiedAndSaysWhy()
    {
        (await NewKeys()).Succeeded();
        var envelope = JsonNode.Parse(await File.ReadAllBytesAsync(First, TestContext.Current.CancellationToken))!;
        var payload = Encoding.UTF8.GetString(Convert.FromBase64String((string)envelope["payload"]!)).Replace("2028", "2038", StringComparison.Ordinal);
        envelope["payload"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(payload));
        var altered = _folder.Write("altered", Encoding.UTF8.GetBytes(envelope.ToJsonString()));

        var run = await CommandRun.Of("key", "list", altered);

        run.EndedWith(ExitCodes.Refused);
        Assert.Contains("NOT VERIFIED", run.Output, StringComparison.Ordinal);
        Assert.Contains("0 valid signature(s)", run.Output, StringComparison.Ordinal);
        Assert.Contains("2038", run.Output, StringComparison.Ordinal);
        Assert.Contains(altered, (await CommandRun.Of("key", "trust", "--root-key", RootKey, "--in", altered, "--expires", "3y", "--out", _folder["next"])).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_Expired_IsRefusedAndSaysSo()
    {
        (await CommandRun.Of("key", "new", "--out", Keys, "--expires", "1d")).Succeeded();
        var later = new Surroundings { Time = new StoppedClock(CommandRun.Now.AddDays(2)) };

        var run = await CommandRun.Of(later, "key", "list", First);

        run.EndedWith(ExitCodes.Refused);
        Assert.Contains("verified, but expired", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_NoTrustDocument_IsRefused()
    {
        var file = _folder.Write("x.json", "{}"u8);

        Assert.Contains(file, (await CommandRun.Of("key", "list", file)).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_VersionsInTheWrongOrder_SaysSo()
    {
        (await NewKeys()).Succeeded();
        (await AddConductor(MakeConductor())).Succeeded();

        var run = await CommandRun.Of("key", "list", _folder["trust-2.dsse.json"], First);

        run.EndedWith(ExitCodes.Refused);
        Assert.Contains("version 1 cannot follow version 2", run.Output, StringComparison.Ordinal);
    }
}
