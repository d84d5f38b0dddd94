namespace Baremetal.Lab;

/// <summary>
/// A podman of a test's own in a folder: where it keeps what, so that nothing of it mixes with the machine's. Every call is made in the network namespace
/// in which the first was, since podman looks for its bridge where it is called.
/// </summary>
public sealed record ContainerStore(string Folder, string Namespace)
{
    /// <summary>What a namespace is called after its lab's own name, where podman runs in it.</summary>
    public const string NamespaceSuffix = "-vm";

    private string Storage => Path.Combine(Folder, "storage");

    /// <summary>What stands before podman's own words, podman included.</summary>
    public IReadOnlyList<string> Command =>
    [
        "nsenter", $"--net={Leftovers.NamespaceFolder}/{Namespace}", "podman",
        "--root", Storage, "--runroot", Path.Combine(Folder, "run"), "--tmpdir", Path.Combine(Folder, "tmp"), "--network-config-dir", Path.Combine(Folder, "networks"),
    ];

    /// <summary>Ends its containers and removes them, and unmounts what podman leaves mounted; the folder can be deleted then.</summary>
    public async Task RemoveAsync()
    {
        if (!Directory.Exists(Storage))
            return;
        if (File.Exists(Path.Combine(Leftovers.NamespaceFolder, Namespace)))
            await TryAsync(Command[0], [.. Command.Skip(1), "rm", "--force", "--all", "--time", "0", "--volumes"]);
        // The deepest first.
        foreach (var mount in MountsBelow(Folder).OrderByDescending(path => path.Length))
            await TryAsync("umount", ["--lazy", mount]);
    }

    // What is in the way of the folder's end is said when that is deleted.
    private static async Task TryAsync(string program, IReadOnlyList<string> arguments)
    {
        try
        {
            await Tool.RunAsync(program, arguments, input: null, CancellationToken.None);
        }
        catch (Exception e) when (e is InvalidOperationException or TimeoutException)
        {
        }
    }

    // mountinfo(5): the fifth field; what is odd in it, a space too, is written in octal, and our own folders have nothing odd.
    private static string[] MountsBelow(string folder) =>
        [.. File.ReadLines("/proc/self/mountinfo").Select(line => line.Split(' ')[4]).Where(path => path.StartsWith(folder + "/", StringComparison.Ordinal))];
}
