using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Baremetal.Api;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Nodes;
using Baremetal.Conductor.Settings;
using Baremetal.Trust;
using Dapper;

namespace Baremetal.Conductor.Jobs;

/// <summary>A config drive could not be built; the message says why.</summary>
public sealed class ConfigDriveException(string message) : Exception(message);

/// <summary>
/// Config drives as cloud-init's ConfigDrive source reads them: a file system labelled <c>CONFIG-2</c> with <c>openstack/latest/</c>.
/// VFAT, because an ISO 9660 does not mount on disks with sectors of 4096 bytes. It holds secrets: a file that only we can read, and only
/// while its job may need it.
/// </summary>
public sealed class ConfigDrives(IDatabase database, StateDirectory state)
{
    /// <summary>What the agent makes room for at the disk's end.</summary>
    private const int SizeKiB = 8 << 10;

    /// <summary>What is left of that beside the file system's own tables and the metadata.</summary>
    public const int MostUserDataBytes = 6 << 20;

    public static bool IsWanted(DeployNode spec, bool hasUserData) =>
        spec.Hostname is not null || spec.SshKeys is { Length: > 0 } || hasUserData || spec.NetworkData is not null || spec.WaitFor == BootSign.PhoneHome;

    public string PathOf(string job) => Path.Combine(state.ConfigDrives, $"{job}.img");

    public bool Has(string job, Digest digest) => File.Exists(PathOf(job)) && Digest.Of(File.ReadAllBytes(PathOf(job))) == digest;

    public async Task<Digest> BuildAsync(string job, NodeRow node, DeployNode spec, string? userData, string phoneHomeUrl, int sectorBytes, CancellationToken cancel)
    {
        var folder = Directory.CreateTempSubdirectory("config-drive-");
        var image = Path.Combine(folder.FullName, "drive.img");
        try
        {
            var latest = Directory.CreateDirectory(Path.Combine(folder.FullName, "openstack", "latest"));
            foreach (var (name, content) in FilesOf(node, spec, userData, phoneHomeUrl))
                await File.WriteAllBytesAsync(Path.Combine(latest.FullName, name), content, cancel);
            await RunAsync("mkfs.vfat", ["-C", "-n", "CONFIG-2", "-S", $"{sectorBytes}", image, $"{SizeKiB}"], cancel);
            await RunAsync("mcopy", ["-s", "-i", image, Path.Combine(folder.FullName, "openstack"), "::"], cancel);

            var drive = await File.ReadAllBytesAsync(image, cancel);
            File.Delete(PathOf(job));
            StateDirectory.WriteSecret(PathOf(job), drive);
            return Digest.Of(drive);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>Deletes the drives of all jobs that have ended or whose image is written.</summary>
    public void Sweep()
    {
        var files = Directory.GetFiles(state.ConfigDrives, "*.img");
        if (files.Length == 0)
            return;
        var needed = database.Read(sql => sql.Query<string>(
            "SELECT id FROM jobs WHERE finished IS NULL AND NOT EXISTS (SELECT 1 FROM step_reports WHERE job = id AND step = 'write-image' AND outcome = 'Done')")).ToHashSet();
        foreach (var file in files.Where(file => !needed.Contains(Path.GetFileNameWithoutExtension(file))))
            File.Delete(file);
    }

    private static IEnumerable<(string Name, byte[] Content)> FilesOf(NodeRow node, DeployNode spec, string? userData, string phoneHomeUrl)
    {
        yield return ("meta_data.json", MetaData(node, spec));
        yield return ("vendor_data.json", VendorData(phoneHomeUrl));
        if (userData is not null)
            yield return ("user_data", Encoding.UTF8.GetBytes(userData));
        if (spec.NetworkData is { } network)
            yield return ("network_data.json", Encoding.UTF8.GetBytes(network.GetRawText()));
    }

    // Not in the user data, which is the operator's alone.
    private static byte[] VendorData(string phoneHomeUrl)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("cloud-init", PhoneHome.CloudConfig(phoneHomeUrl));
            json.WriteEndObject();
        }
        return buffer.ToArray();
    }

    private static byte[] MetaData(NodeRow node, DeployNode spec)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("uuid", node.Id);
            json.WriteString("hostname", spec.Hostname ?? node.Name);
            json.WriteString("name", spec.Hostname ?? node.Name);
            json.WriteStartObject("public_keys");
            foreach (var (number, key) in (spec.SshKeys ?? []).Index())
                json.WriteString($"key-{number}", key);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        return buffer.ToArray();
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
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new ConfigDriveException($"The config drive could not be built: {start.FileName} cannot be run ({e.Message}). Install the packages dosfstools and mtools.");
        }
    }
}
