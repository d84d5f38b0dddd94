namespace Baremetal.VmRunner.Supervisor;

/// <summary>The one disk that a VM's image brings, which stays as it is.</summary>
/// <param name="Path">A plain file.</param>
/// <param name="Format">QEMU's name for it, decided from its content, or <see cref="DiskInspection.Iso"/>.</param>
/// <param name="Bytes">Of the disk that the guest sees.</param>
internal sealed record BaseDisk(string Path, string Format, long Bytes)
{
    // RancherVM's place for it, and KubeVirt's.
    private static readonly string[] _folders = ["base_image", "disk"];

    /// <param name="root">Of the image: the container's own, or where an image is mounted.</param>
    /// <param name="inspect">Looks through the file.</param>
    public static BaseDisk Find(string root, Func<string, DiskFacts> inspect)
    {
        var folders = Array.FindAll(Array.ConvertAll(_folders, name => System.IO.Path.Combine(root, name)), IsRealFolder);
        var names = string.Join(" nor ", _folders.Select(name => $"/{name}"));
        if (folders.Length == 0)
            throw Refused($"The image has neither {names}; a VM's image has one disk in one of them.");
        var found = folders.SelectMany(Directory.GetFileSystemEntries).Order(StringComparer.Ordinal).ToArray();
        if (found.Length != 1)
            throw Refused($"{string.Join(" and ", folders.Select(folder => "/" + System.IO.Path.GetFileName(folder)))} must contain exactly one disk; there {(found.Length == 0 ? "is none" : $"are {string.Join(", ", found.Select(System.IO.Path.GetFileName))}")}.");
        var file = new FileInfo(found[0]);
        var named = $"/{file.Directory!.Name}/{file.Name}";
        if (file.LinkTarget is not null || file.Attributes.HasFlag(FileAttributes.Directory) || file.UnixFileMode == UnixFileMode.None && file.Length == 0)
            throw Refused($"{named} is no plain file.");
        var facts = inspect(file.FullName);
        return facts.Refusal is { } why ? throw Refused($"{named} is not run: {why}") : new BaseDisk(file.FullName, facts.Format, facts.Bytes);
    }

    private static bool IsRealFolder(string path) => new DirectoryInfo(path) is { Exists: true, LinkTarget: null };

    private static SupervisorException Refused(string what) => new(ExitCodes.NoDisk, what);
}
