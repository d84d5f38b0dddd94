using System.Security.Cryptography;

namespace Baremetal.VmRunner.Host;

/// <summary>The image that every VM's container runs: imported from a file that is installed with this program, under a tag that is its digest.</summary>
internal sealed class BaseImage(Engine engine, string path)
{
    private const string Name = "localhost/baremetal/vm-base";

    private volatile string? _id;

    /// <summary>The engine's; null while it is not there.</summary>
    public string? Id => _id;

    /// <summary>Sees to it that the engine has it. Throws an <see cref="EngineException"/> or an <see cref="IOException"/>.</summary>
    /// <returns>Whether it had to be imported.</returns>
    public async Task<bool> LoadAsync(CancellationToken cancel)
    {
        string digest;
        await using (var file = File.OpenRead(path))
            digest = Convert.ToHexStringLower(await SHA256.HashDataAsync(file, cancel));
        var tag = $"{Name}:{digest[..16]}";
        if (await FindAsync(tag, cancel) is { } there)
        {
            _id = there;
            return false;
        }
        await engine.RunAsync(Engine.Short, CancellationToken.None, "import", "--quiet", "--change", """ENTRYPOINT ["/usr/bin/vm-runner","supervise"]""", "--change", """VOLUME ["/image"]""", path, tag);
        _id = await FindAsync(tag, cancel) ?? throw new EngineException($"The base image {tag} was imported, and is not there.");
        return true;
    }

    private async Task<string?> FindAsync(string tag, CancellationToken cancel)
    {
        try
        {
            return (await engine.ReadAsync(EngineJson.Default.EngineImageArray, cancel, "image", "inspect", tag)).FirstOrDefault()?.Id;
        }
        catch (EngineException e) when (e.Message.Contains("image not known", StringComparison.Ordinal))
        {
            return null;
        }
    }
}
