using System.ComponentModel;
using System.Diagnostics;

namespace Baremetal.Metadata;

/// <summary>A config drive could not be built; the message says why.</summary>
public sealed class ConfigDriveException(string message) : Exception(message);

/// <summary>
/// A file system labelled <c>CONFIG-2</c>, as cloud-init's ConfigDrive source looks for it. VFAT, because an ISO 9660 does not mount on disks with
/// sectors of 4096 bytes.
/// </summary>
public static class VfatDrive
{
    /// <summary>Of the whole file system.</summary>
    public const int SizeKiB = 8 << 10;

    /// <summary>What is left of that beside the file system's own tables and the metadata.</summary>
    public const int MostUserDataBytes = 6 << 20;

    /// <param name="image">The file to make, which must not exist.</param>
    /// <param name="files">By their paths, such as <c>openstack/latest/meta_data.json</c>.</param>
    /// <param name="sectorBytes">Of the disk that it lies on.</param>
    public static async Task BuildAsync(string image, IEnumerable<(string Path, byte[] Content)> files, int sectorBytes, CancellationToken cancel)
    {
        var folder = Directory.CreateTempSubdirectory("config-drive-");
        try
        {
            foreach (var (path, content) in files)
            {
                var file = Path.Combine(folder.FullName, path);
                Directory.CreateDirectory(Path.GetDirectoryName(file)!);
                await File.WriteAllBytesAsync(file, content, cancel);
            }
            await RunAsync("mkfs.vfat", ["-C", "-n", "CONFIG-2", "-S", $"{sectorBytes}", image, $"{SizeKiB}"], cancel);
            await RunAsync("mcopy", ["-s", "-i", image, .. Directory.GetDirectories(folder.FullName).Order(StringComparer.Ordinal), "::"], cancel);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task RunAsync(string tool, string[] arguments, CancellationToken cancel)
    {
        var start = new ProcessStartInfo(tool, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Start(start);
        var output = process.StandardOutput.ReadToEndAsync(cancel);
        var errors = process.StandardError.ReadToEndAsync(cancel);
        await process.WaitForExitAsync(cancel);
        if (process.ExitCode != 0)
            throw new ConfigDriveException($"The config drive could not be built: {tool} ended with {process.ExitCode} ({(await errors + await output).Trim()}).");
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new ConfigDriveException($"The config drive could not be built: {start.FileName} cannot be run ({e.Message}). Install the packages dosfstools and mtools.");
        }
    }
}
