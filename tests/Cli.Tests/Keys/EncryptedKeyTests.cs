using System.Text;

namespace Baremetal.Cli.Tests.Keys;

/// <summary>Private keys with a passphrase, typed or in a file, in every command that signs.</summary>
public sealed class EncryptedKeyTests : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Answers in their order, and what was asked.</summary>
    private static (Surroundings Around, List<string> Asked) Typing(params string?[] answers)
    {
        var asked = new List<string>();
        return (new Surroundings { AskSecret = prompt => { asked.Add(prompt); return answers[asked.Count - 1] is { } answer ? Encoding.UTF8.GetBytes(answer) : null; } }, asked);
    }

    private string Secret(string name, string content)
    {
        File.SetUnixFileMode(_folder.Write(name, Encoding.UTF8.GetBytes(content)), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return _folder[name];
    }

    private async Task NewKeysAsync(string passphrase) =>
        (await CommandRun.Of("key", "new", "--out", _folder["keys"], "--passphrase-file", Secret("pass", passphrase))).Succeeded();

    private string[] MoreTime(string to) => ["key", "trust", "--root-key", _folder["keys/root.key"], "--in", _folder["keys/trust.dsse.json"], "--out", _folder[to], "--expires", "3y"];

    [Fact]
    public async Task New_Encrypt_AsksTwiceAndOpensslOpensBothKeys()
    {
        var (around, asked) = Typing("correct horse", "correct horse");

        (await CommandRun.Of(around, "key", "new", "--out", _folder["keys"], "--encrypt")).Succeeded();

        Assert.Equal(["New passphrase: ", "The same again: "], asked);
        foreach (var key in new[] { "root", "image" })
            Assert.Equal(
                await File.ReadAllTextAsync(_folder[$"keys/{key}.pub"], TestContext.Current.CancellationToken),
                OpenSsl.Run("pkey", "-in", _folder[$"keys/{key}.key"], "-passin", $"file:{Secret("pass", "correct horse\n")}", "-pubout"));
    }

    [Theory]
    [InlineData("The two passphrases differ", "one", "other")]
    [InlineData("The two passphrases differ", "one", null)]
    [InlineData("The passphrase is empty", "")]
    [InlineData("There is no terminal", null, null)]
    public async Task New_EncryptWithoutAPassphrase_MakesNothing(string cause, params string?[] answers)
    {
        var (around, _) = Typing(answers);

        Assert.Contains(cause, (await CommandRun.Of(around, "key", "new", "--out", _folder["keys"], "--encrypt")).EndedWith(ExitCodes.WrongUsage), StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["keys"]));
    }

    [Fact]
    public async Task Trust_EncryptedRootKey_IsOpenedByWhatIsTyped()
    {
        await NewKeysAsync("correct horse\n");
        var (around, asked) = Typing("wrong", "correct horse");

        var error = (await CommandRun.Of(around, MoreTime("2"))).EndedWith(ExitCodes.Refused);
        (await CommandRun.Of(around, MoreTime("2"))).Succeeded();

        Assert.Contains($"The passphrase of the private key {_folder["keys/root.key"]} is wrong.", error, StringComparison.Ordinal);
        Assert.Equal(Enumerable.Repeat($"Passphrase of {_folder["keys/root.key"]}: ", 2), asked);
    }

    [Fact]
    public async Task Trust_NobodyToAsk_NamesThePassphraseFile()
    {
        await NewKeysAsync("correct horse");

        var error = (await CommandRun.Of(MoreTime("2"))).EndedWith(ExitCodes.Refused);

        Assert.Contains("is encrypted, and no passphrase was given", error, StringComparison.Ordinal);
        Assert.Contains("--passphrase-file FILE", error, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder["2"]));
    }

    [Fact]
    public async Task EveryCommandThatSigns_TakesThePassphraseFile()
    {
        await NewKeysAsync("correct horse");
        var (pass, other) = (_folder["pass"], Secret("other", "another"));
        OpenSsl.Run("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-aes256", "-pass", $"file:{other}", "-out", _folder["b.key"]);
        OpenSsl.Run("pkey", "-in", _folder["b.key"], "-passin", $"file:{other}", "-pubout", "-out", _folder["b.pub"]);
        var image = _folder.Write("disk.raw", new byte[4096]);
        var manifest = _folder["images/x.dsse.json"];

        (await CommandRun.Of([.. MoreTime("2"), "--add", $"image={_folder["b.pub"]}", "--passphrase-file", pass])).Succeeded();
        (await CommandRun.Of("image", "sign", image, "--key", _folder["keys/image.key"], "--name", "x", "--out", _folder["images"], "--passphrase-file", pass)).Succeeded();
        (await CommandRun.Of("image", "cosign", manifest, "--key", _folder["b.key"], "--trust", _folder["2"], "--passphrase-file", other)).Succeeded();
        (await CommandRun.Of("key", "revoke", manifest, "--root-key", _folder["keys/root.key"], "--in", _folder["2"], "--out", _folder["3"], "--passphrase-file", pass)).Succeeded();
        // Two keys with a passphrase each: each file is tried.
        (await CommandRun.Of(
            "image", "sign", image, "--key", _folder["keys/image.key"], "--key", _folder["b.key"], "--name", "y", "--out", _folder["images"],
            "--passphrase-file", pass, "--passphrase-file", other)).Succeeded();
    }

    [Fact]
    public async Task Sign_KeyThatOthersMayRead_IsRefusedWithChmod()
    {
        (await CommandRun.Of("key", "new", "--out", _folder["keys"])).Succeeded();
        var key = _folder["keys/image.key"];
        File.SetUnixFileMode(key, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);

        var error = (await CommandRun.Of("image", "sign", _folder.Write("disk.raw", new byte[4096]), "--key", key, "--name", "x", "--out", _folder["images"])).EndedWith(ExitCodes.Refused);

        Assert.Contains($"{key} has mode 0640", error, StringComparison.Ordinal);
        Assert.Contains($"chmod 600 {key}", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PassphraseFile_MissingOrReadableByOthers_IsNamed()
    {
        await NewKeysAsync("correct horse");
        File.SetUnixFileMode(_folder["pass"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);

        Assert.Contains($"chmod 600 {_folder["pass"]}", (await CommandRun.Of([.. MoreTime("2"), "--passphrase-file", _folder["pass"]])).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
        Assert.Contains(_folder["none"], (await CommandRun.Of([.. MoreTime("2"), "--passphrase-file", _folder["none"]])).EndedWith(ExitCodes.NotFound), StringComparison.Ordinal);
    }
}
