using System.Text.Json;
using Baremetal.Trust;

namespace Baremetal.Cli.Tests.Keys;

/// <summary>Keys and trust documents of a site, made by the commands themselves and by openssl.</summary>
internal sealed class KeyBench : IDisposable
{
    public ScratchFolder Folder { get; } = new();

    public string Root => Folder["keys/root.key"];

    public string First => Folder["keys/trust.dsse.json"];

    public static async Task<KeyBench> NewAsync()
    {
        var bench = new KeyBench();
        (await CommandRun.Of("key", "new", "--out", bench.Folder["keys"])).Succeeded();
        return bench;
    }

    /// <summary>Makes <c>NAME.key</c> and <c>NAME.pub</c>, and returns the path of the latter.</summary>
    public string MakeKey(string name)
    {
        OpenSsl.Run("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", Folder[$"{name}.key"]);
        OpenSsl.Run("pkey", "-in", Folder[$"{name}.key"], "-pubout", "-out", Folder[$"{name}.pub"]);
        return Folder[$"{name}.pub"];
    }

    public static string IdOf(string publicKey) => PublicKey.TryLoad(publicKey, out var key, out var rejection) ? key.KeyId.ToString() : throw new InvalidOperationException(rejection.ToString());

    /// <summary>The version that follows <paramref name="from"/>, as <c>NAME</c> in the folder, signed by the first root key.</summary>
    public Task<CommandRun> TrustAsync(string from, string to, params string[] options) =>
        CommandRun.Of(["key", "trust", "--root-key", Root, "--in", from, "--out", Folder[to], .. options]);

    public async Task<string> TrustedAsync(string from, string to, params string[] options)
    {
        (await TrustAsync(from, to, options)).Succeeded();
        return Folder[to];
    }

    /// <summary>The last of these versions, after all of them were verified as an agent does it.</summary>
    public static TrustDocument Walk(params string[] versions)
    {
        Assert.True(TrustAnchor.TryWalk([.. versions.Select(File.ReadAllBytes)], out var anchor, out var rejection), rejection?.ToString());
        return anchor.Document;
    }

    public static JsonElement Json(CommandRun run) => JsonDocument.Parse(run.Succeeded()).RootElement;

    public void Dispose() => Folder.Dispose();
}
