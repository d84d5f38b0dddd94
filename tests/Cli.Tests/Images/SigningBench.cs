using System.Text.Json.Nodes;

namespace Baremetal.Cli.Tests.Images;

/// <summary>Keys and one image of five source chunks, signed by the commands themselves.</summary>
internal sealed class SigningBench : IDisposable
{
    public const int ImageBytes = (4 << 20) + 512;

    public ScratchFolder Folder { get; } = new();

    public string Image => Folder["disk.raw"];

    public string Key => Folder["keys/image.key"];

    public string Trust => Folder["keys/trust.dsse.json"];

    public string Documents => Folder["images"];

    public string Manifest => Folder["images/debian-12.dsse.json"];

    public static async Task<SigningBench> SignedAsync(params string[] options)
    {
        var bench = await NewAsync();
        (await bench.SignAsync(options)).Succeeded();
        return bench;
    }

    public static async Task<SigningBench> NewAsync()
    {
        var bench = new SigningBench();
        var content = new byte[ImageBytes];
        new Random(1).NextBytes(content);
        bench.Folder.Write("disk.raw", content);
        (await CommandRun.Of("key", "new", "--out", bench.Folder["keys"])).Succeeded();
        return bench;
    }

    public Task<CommandRun> SignAsync(params string[] options) =>
        CommandRun.Of(["image", "sign", Image, "--key", Key, "--name", "debian-12", "--out", Documents, .. options]);

    public Task<CommandRun> VerifyAsync(params string[] options) => CommandRun.Of(["image", "verify", Manifest, "--trust", Trust, .. options]);

    public JsonNode Payload() => JsonNode.Parse(Convert.FromBase64String((string)JsonNode.Parse(File.ReadAllBytes(Manifest))!["payload"]!))!;

    public string IndexOf(string what) => Path.Combine(Documents, $"{(string)Payload()["predicate"]![what]!["index"]!["sha256"]!}.index");

    public void Dispose() => Folder.Dispose();
}
