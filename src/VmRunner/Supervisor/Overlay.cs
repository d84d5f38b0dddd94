namespace Baremetal.VmRunner.Supervisor;

/// <summary>What the guest writes: a qcow2 file over the image's disk, on a volume that outlives the container's runs.</summary>
internal static class Overlay
{
    private const string Name = "sda.qcow2";

    /// <returns>Its path.</returns>
    public static string Make(string volume, BaseDisk disk)
    {
        if (!Directory.Exists(volume))
            throw new SupervisorException(ExitCodes.NoVolume, $"There is no {volume} for what the guest writes; mount a volume there.");
        var path = Path.Combine(volume, Name);
        if (File.Exists(path))
            return path;
        // Under another name until it is whole: a container that is killed here finds nothing half made.
        var unfinished = path + ".new";
        try
        {
            File.Delete(unfinished);
            Tools.Run("qemu-img", ["create", "-q", "-f", "qcow2", "-F", disk.Format, "-b", disk.Path, unfinished]);
            File.Move(unfinished, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SupervisorException(ExitCodes.NoOverlay, $"The guest's own disk {path} cannot be made: {e.Message}", e);
        }
        return path;
    }
}
