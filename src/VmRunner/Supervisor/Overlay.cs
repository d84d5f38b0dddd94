using System.Globalization;

namespace Baremetal.VmRunner.Supervisor;

/// <summary>
/// What the guest writes: a qcow2 file on a volume that outlives the container's runs. It lies over the image's disk; where the image brings an
/// ISO instead, it is an empty disk to install to.
/// </summary>
internal static class Overlay
{
    private const string Name = "sda.qcow2";

    /// <param name="volume">The folder.</param>
    /// <param name="disk">The image's.</param>
    /// <param name="sizeGb">How large the guest's disk shall be, in GiB; null: as large as the image's.</param>
    /// <returns>Its path.</returns>
    public static string Make(string volume, BaseDisk disk, int? sizeGb)
    {
        if (!Directory.Exists(volume))
            throw new SupervisorException(ExitCodes.NoVolume, $"There is no {volume} for what the guest writes; mount a volume there.");
        var path = Path.Combine(volume, Name);
        if (File.Exists(path))
            return path;
        var isIso = disk.Format == DiskInspection.Iso;
        if (isIso && sizeGb is null)
            throw new SupervisorException(ExitCodes.NoDisk, $"The image's disk is an ISO, which is booted to install to another one: it needs that one's size ('conductor vm create … --disk SIZE'; VM_DISK_GB of the container).");
        if (!isIso && (long?)sizeGb << 30 < disk.Bytes)
            throw new SupervisorException(ExitCodes.NoDisk, string.Create(CultureInfo.InvariantCulture, $"VM_DISK_GB is {sizeGb}, and the image's disk has {disk.Bytes} bytes, which is more; leave it out or set it higher ('conductor vm create … --disk SIZE')."));
        // Under another name until it is whole: a container that is killed here finds nothing half made.
        var unfinished = path + ".new";
        try
        {
            File.Delete(unfinished);
            File.WriteAllBytes(unfinished, []);
            QemuCommand.Own(unfinished);
            Tools.Run("setpriv",
            [
                .. QemuCommand.Unprivileged([]), "qemu-img", "create", "-q", "-f", "qcow2",
                .. isIso ? Array.Empty<string>() : ["-F", disk.Format, "-b", disk.Path],
                unfinished,
                .. sizeGb is { } size ? [$"{size}G"] : Array.Empty<string>(),
            ]);
            File.Move(unfinished, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SupervisorException(ExitCodes.NoOverlay, $"The guest's own disk {path} cannot be made: {e.Message} The volume at {volume} must be writable and have room.", e);
        }
        return path;
    }
}
