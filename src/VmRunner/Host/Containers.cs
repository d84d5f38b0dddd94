namespace Baremetal.VmRunner.Host;

/// <summary>The containers of VMs, known by their label; no other is ever looked at.</summary>
internal sealed class Containers(Engine engine)
{
    private const string Label = "io.baremetal.vm";

    /// <summary>What its containers carry.</summary>
    public static string LabelOf(string vm) => $"{Label}={vm}";

    /// <summary>All, by their VM.</summary>
    public async Task<IReadOnlyDictionary<string, ContainerView>> ListAsync(CancellationToken cancel) => await ListAsync(Label, cancel);

    public async Task<ContainerView?> LookAsync(string vm, CancellationToken cancel) => (await ListAsync(LabelOf(vm), cancel)).GetValueOrDefault(vm);

    /// <summary>The last that it said, as one line; empty where it said nothing.</summary>
    public async Task<string> LastWordsAsync(string container, CancellationToken cancel)
    {
        var (output, errors) = await engine.BothAsync(Engine.Short, cancel, "logs", "--tail", "40", container);
        return Last(errors) ?? Last(output) ?? "";

        // A stack's lines say nothing to whoever reads this.
        static string? Last(string text) => Array.FindLast(text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries), line => !line.StartsWith("at ", StringComparison.Ordinal));
    }

    private async Task<Dictionary<string, ContainerView>> ListAsync(string label, CancellationToken cancel)
    {
        var found = new Dictionary<string, ContainerView>(StringComparer.Ordinal);
        foreach (var one in await engine.ReadAsync(EngineJson.Default.EngineContainerArray, cancel, "ps", "--all", "--no-trunc", "--format", "json", "--filter", $"label={label}"))
        {
            if (one.Labels?.GetValueOrDefault(Label) is { } vm)
                found[vm] = new ContainerView(one.Id, one.ImageID, one.State is "running" or "stopping" or "paused", one.StartedAt, one.ExitCode);
        }
        return found;
    }
}
