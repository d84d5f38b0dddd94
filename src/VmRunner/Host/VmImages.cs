using System.Text.Json;
using System.Text.Json.Serialization;
using Baremetal.Trust;
using Baremetal.VmRunner.Supervisor;

namespace Baremetal.VmRunner.Host;

/// <summary>An image that a VM can be made from.</summary>
/// <param name="Id">The engine's: the digest of its configuration, which names its content.</param>
/// <param name="Digest">Of its manifest.</param>
/// <param name="Options">What it says of its guest's hardware.</param>
internal sealed record VmImage(string Id, string? Digest, ImageOptions Options);

/// <summary>RancherVM's variables of an image, and its command; null where it has none.</summary>
internal sealed record ImageOptions(string? Disk, string? Card, IReadOnlyList<string> Arguments);

/// <summary>A VM cannot be made as ordered, now or later: whoever ordered it has to change something.</summary>
internal sealed class VmRefusedException(Rejection why) : Exception(why.ToString());

/// <summary>
/// The images of VMs. They are data: none of their programs is ever run. The disk in one is looked through before it is used, once for each
/// content; the supervisor does the same in the container, beside whatever may have come between.
/// </summary>
internal sealed class VmImages(Engine engine, StateFolder state, HostLog log) : IDisposable
{
    // Two lines fetched at once fill any link; more only make each of them slower.
    private readonly SemaphoreSlim _pulls = new(2);
    private readonly SemaphoreSlim _looks = new(1);

    // A registry says these of what will not come by waiting.
    private static readonly string[] _forGood = ["manifest unknown", "name unknown", "repository name not known", "404 (Not Found)", "access to the resource is denied", "unauthorized:", "authentication required", "no image found"];

    /// <summary>Throws a <see cref="VmRefusedException"/>, or an <see cref="EngineException"/> where it may succeed later.</summary>
    /// <param name="name">As ordered.</param>
    /// <param name="certificates">The folder of what its registry is to be asked with; null: podman's own.</param>
    /// <param name="pulling">Told that it has to be fetched.</param>
    public async Task<VmImage> GetAsync(string name, string? certificates, Action pulling, CancellationToken cancel)
    {
        if (ImageReference.Fault(name) is { } fault)
            throw new VmRefusedException(fault);
        var image = await InspectAsync(name, cancel);
        if (image is null)
        {
            pulling();
            await PullAsync(name, certificates, cancel);
            image = await InspectAsync(name, cancel) ?? throw new EngineException($"The image {name} was fetched, and is not there.");
        }
        await LookThroughAsync(name, image.Id, cancel);
        return new VmImage(image.Id, image.Digest, OptionsOf(image.Config));
    }

    /// <summary>What an image that was taken before says of hardware; null: it is not there any more.</summary>
    public async Task<ImageOptions?> OptionsAsync(string id, CancellationToken cancel) => await InspectAsync(id, cancel) is { } image ? OptionsOf(image.Config) : null;

    public void Dispose()
    {
        _pulls.Dispose();
        _looks.Dispose();
    }

    private static ImageOptions OptionsOf(EngineImageConfig? config)
    {
        return new ImageOptions(
            Variable("KVM_BLK_OPTS"),
            Variable("KVM_NET_OPTS"),
            // The command of an ordinary image is a program, and not for us.
            config?.Cmd is [['-', ..], ..] arguments ? arguments : []);

        string? Variable(string name) => config?.Env?.FirstOrDefault(one => one.StartsWith($"{name}=", StringComparison.Ordinal))?[(name.Length + 1)..];
    }

    private async Task<EngineImage?> InspectAsync(string name, CancellationToken cancel)
    {
        try
        {
            return (await engine.ReadAsync(EngineJson.Default.EngineImageArray, cancel, "image", "inspect", name)).FirstOrDefault();
        }
        catch (EngineException e) when (e.Message.Contains("image not known", StringComparison.Ordinal))
        {
            return null;
        }
    }

    private async Task PullAsync(string name, string? certificates, CancellationToken cancel)
    {
        if (!ImageReference.HasRegistry(name))
            throw new VmRefusedException(new Rejection($"The image '{name}' is not on this runner, and names no registry to fetch it from.", "Name it with its registry, as registry.example/team/web:1."));
        await _pulls.WaitAsync(cancel);
        try
        {
            log.Say($"Fetching the image {name}.");
            await engine.RunAsync(Engine.Long, cancel, ["pull", "--quiet", .. certificates is null ? Array.Empty<string>() : [$"--cert-dir={certificates}"], $"docker://{name}"]);
        }
        catch (EngineException e) when (Array.Exists(_forGood, words => e.Message.Contains(words, StringComparison.OrdinalIgnoreCase)))
        {
            throw new VmRefusedException(new Rejection(
                $"The image {name} is not to be had: {e.Message}.", "Check how it is written, and whether this runner may fetch it ('podman login' there); then start the VM again."));
        }
        catch (EngineException e)
        {
            throw new EngineException($"The image {name} could not be fetched: {e.Message}", e);
        }
        finally
        {
            _pulls.Release();
        }
    }

    private async Task LookThroughAsync(string name, string id, CancellationToken cancel)
    {
        StateFolder.Make(state.Images);
        var remembered = Path.Combine(state.Images, $"{id}.json");
        await _looks.WaitAsync(cancel);
        try
        {
            var found = Remembered(remembered);
            if (found is null)
            {
                found = new LookedThrough(await RefusalAsync(id, cancel));
                StateFolder.Write(remembered, JsonSerializer.Serialize(found, ImagesJson.Default.LookedThrough));
            }
            if (found.Refusal is { } why)
                throw new VmRefusedException(new Rejection($"The image {name} is not run: {why}"));
        }
        finally
        {
            _looks.Release();
        }
    }

    private static LookedThrough? Remembered(string path)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(path), ImagesJson.Default.LookedThrough);
        }
        catch (Exception e) when (e is IOException or JsonException)
        {
            return null;
        }
    }

    private async Task<string?> RefusalAsync(string id, CancellationToken cancel)
    {
        var root = (await engine.RunAsync(Engine.Short, cancel, "image", "mount", id)).Trim();
        try
        {
            // A large disk's tables take seconds.
            await Task.Run(() => BaseDisk.Find(root, DiskInspection.Of), cancel);
            return null;
        }
        catch (SupervisorException e)
        {
            return e.Message;
        }
        finally
        {
            await engine.RunAsync(Engine.Short, CancellationToken.None, "image", "unmount", id);
        }
    }
}

/// <param name="Refusal">Why it is not run, or null.</param>
internal sealed record LookedThrough(string? Refusal);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(LookedThrough))]
internal sealed partial class ImagesJson : JsonSerializerContext;
