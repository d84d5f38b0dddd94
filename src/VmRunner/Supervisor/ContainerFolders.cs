using System.Text.RegularExpressions;

namespace Baremetal.VmRunner.Supervisor;

/// <summary>Where a VM's container has what. RancherVM's paths, where it had one.</summary>
/// <param name="Image">Where the VM's image is: the container's own root, or where the runner mounts it.</param>
/// <param name="Volume">For what the guest writes.</param>
/// <param name="Sockets">For QEMU's own sockets, seen by nobody else.</param>
/// <param name="Shared">For sockets that the host opens; in a folder of the container's id there.</param>
internal sealed partial record ContainerFolders(string Image, string Volume, string Sockets, string Shared)
{
    private const string MountedImage = "/vmimage";

    public static ContainerFolders Usual => new(Directory.Exists(MountedImage) ? MountedImage : "/", "/image", "/run/vm", "/vm");

    /// <summary>Where display and console listen. Without a <see cref="Shared"/> folder nobody outside gets to them.</summary>
    public string MakeDoors()
    {
        var doors = Directory.Exists(Shared) ? Path.Combine(Shared, ContainerId() ?? Environment.MachineName) : Sockets;
        Directory.CreateDirectory(doors);
        return doors;
    }

    // The engine mounts files of its own into the container, by a path that has the whole id.
    private static string? ContainerId() =>
        File.ReadLines("/proc/self/mountinfo").Select(line => Id().Match(line)).FirstOrDefault(match => match.Success)?.Groups["id"].Value;

    [GeneratedRegex("/(overlay-)?containers/([^ ]*/)?(?<id>[0-9a-f]{64})/", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Id();
}
