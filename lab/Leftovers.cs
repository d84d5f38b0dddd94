using System.Globalization;
using System.Text.RegularExpressions;

namespace Baremetal.Lab;

/// <summary>
/// The names of all that a lab leaves on the machine while it runs. Each carries the pid of the process that made it, so that what a
/// killed lab left behind is known as such and removed by the next.
/// </summary>
public static partial class Leftovers
{
    internal const string NamespaceFolder = "/run/netns";

    private const string KeptMark = "kept";
    private const string NamespacePrefix = "bm";
    private const string FolderPrefix = "baremetal-lab-";

    private static int made;

    /// <summary>Removes the containers, the namespaces, with the processes in them, and the folders of labs whose process is gone.</summary>
    /// <param name="alsoKept">Also the folders that were kept on purpose.</param>
    /// <returns>What was removed, by name.</returns>
    public static async Task<IReadOnlyList<string>> SweepAsync(bool alsoKept = false)
    {
        List<string> removed = [];
        foreach (var folder in DeadIn(Path.GetTempPath(), FolderName()))
            await new ContainerStore(folder, NamespaceOf(folder) + ContainerStore.NamespaceSuffix).RemoveAsync();
        foreach (var name in DeadIn(NamespaceFolder, NamespaceName()))
        {
            await NetworkNamespace.RemoveAsync(Path.GetFileName(name));
            removed.Add($"network namespace {Path.GetFileName(name)}");
        }
        foreach (var folder in DeadIn(Path.GetTempPath(), FolderName()))
        {
            if (!alsoKept && File.Exists(Path.Combine(folder, KeptMark)))
                continue;
            RemoveFolder(folder);
            removed.Add($"folder {folder}");
        }
        return removed;
    }

    /// <summary>A namespace name and a folder that no other lab on this machine uses.</summary>
    internal static (string Namespace, string Folder) NewNames()
    {
        var own = $"{Environment.ProcessId}-{Interlocked.Increment(ref made)}";
        return (NamespacePrefix + own, Path.Combine(Path.GetTempPath(), FolderPrefix + own));
    }

    /// <summary>Makes a folder stay when this process has gone.</summary>
    internal static void Keep(string folder) => File.WriteAllBytes(Path.Combine(folder, KeptMark), []);

    internal static void RemoveFolder(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // Another lab swept it at the same moment, or it was never made.
        }
    }

    private static string NamespaceOf(string folder) => NamespacePrefix + Path.GetFileName(folder)[FolderPrefix.Length..];

    private static string[] DeadIn(string folder, Regex name) =>
        Directory.Exists(folder)
            ? [.. Directory.EnumerateFileSystemEntries(folder).Where(path => name.Match(Path.GetFileName(path)) is { Success: true } match && IsDead(match))]
            : [];

    // A pid that was given to another process since only delays the sweep.
    private static bool IsDead(Match match) =>
        int.TryParse(match.Groups["pid"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var pid) && !Directory.Exists($"/proc/{pid}");

    [GeneratedRegex(@"^bm(?<pid>[0-9]+)-[0-9]+(-[a-z0-9-]+)?$", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NamespaceName();

    [GeneratedRegex(@"^baremetal-lab-(?<pid>[0-9]+)-[0-9]+$", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex FolderName();
}
