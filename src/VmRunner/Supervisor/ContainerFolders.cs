using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Baremetal.VmRunner.Supervisor;

/// <summary>Where a VM's container has what. RancherVM's paths, where it had one.</summary>
/// <param name="Image">Where the VM's image is: the container's own root, or where the runner mounts it.</param>
/// <param name="Volume">For what the guest writes.</param>
/// <param name="Sockets">For QEMU's own sockets, seen by nobody else.</param>
/// <param name="Shared">For sockets that the host opens, in a folder of the container's id there; null where none is mounted.</param>
/// <param name="Metadata">What the host's service has to tell the guest.</param>
/// <param name="Discs">ISO images.</param>
internal sealed partial record ContainerFolders(string Image, string Volume, string Sockets, string? Shared, string Metadata, string Discs)
{
    private const string MountedImage = "/vmimage";
    private const string MountedShare = "/vm";
    private const string RancherVmShare = "/ranchervm";

    // Of the folder, so that what QEMU makes in it is of our group and opened by us, who are neither QEMU's user nor allowed everything.
    private const UnixFileMode DoorsMode =
        UnixFileMode.SetGroup | UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute;

    private const int MaskOfOthers = 7;

    public static ContainerFolders Usual => new(
        Directory.Exists(MountedImage) ? MountedImage : "/",
        "/image",
        "/run/vm",
        Directory.Exists(RancherVmShare) ? Path.Combine(RancherVmShare, "vm") : Directory.Exists(MountedShare) ? MountedShare : null,
        "/meta",
        "/iso");

    /// <summary>Whom nobody else is.</summary>
    public static string Id { get; } = ReadId() ?? Environment.MachineName;

    /// <summary>From now on nobody else opens what this process and its children make: QEMU's sockets are its group's, too.</summary>
    public static void KeepOthersOut() => _ = SetMask(MaskOfOthers);

    /// <summary>Makes the folders of sockets anew, open to QEMU and to us.</summary>
    /// <returns>Where display and console listen. Without a <see cref="Shared"/> folder nobody outside gets to them.</returns>
    public string MakeDoors()
    {
        var doors = Shared is null ? Sockets : Path.Combine(Shared, Id);
        foreach (var folder in new[] { Sockets, doors }.Distinct(StringComparer.Ordinal))
        {
            // What a run before left in it lies in nobody's way: it may be another user's.
            if (Directory.Exists(folder))
                Directory.Delete(folder, recursive: true);
            Directory.CreateDirectory(folder);
            File.SetUnixFileMode(folder, DoorsMode);
            Tools.Run("chown", [$"{QemuCommand.User}", folder]);
        }
        return doors;
    }

    // The engine mounts files of its own into the container, by a path that has the whole id.
    private static string? ReadId() =>
        File.ReadLines("/proc/self/mountinfo").Select(line => IdInPath().Match(line)).FirstOrDefault(match => match.Success)?.Groups["id"].Value;

    [GeneratedRegex("/(overlay-)?containers/([^ ]*/)?(?<id>[0-9a-f]{64})/", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex IdInPath();

    [LibraryImport("libc", EntryPoint = "umask")]
    private static partial int SetMask(int mask);
}
