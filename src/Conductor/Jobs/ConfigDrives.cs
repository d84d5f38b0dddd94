using System.Text;
using System.Text.Json;
using Baremetal.Api;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Nodes;
using Baremetal.Conductor.Settings;
using Baremetal.Metadata;
using Baremetal.Trust;
using Dapper;

namespace Baremetal.Conductor.Jobs;

/// <summary>
/// Config drives as cloud-init's ConfigDrive source reads them, with <c>openstack/latest/</c>. They hold secrets: files that only we can read,
/// and only while their job may need them.
/// </summary>
public sealed class ConfigDrives(IDatabase database, StateDirectory state)
{
    public const int MostUserDataBytes = VfatDrive.MostUserDataBytes;

    public static bool IsWanted(DeployNode spec, bool hasUserData) =>
        spec.Hostname is not null || spec.SshKeys is { Length: > 0 } || hasUserData || spec.NetworkData is not null || spec.WaitFor == BootSign.PhoneHome || spec.Role != NodeRole.None;

    public string PathOf(string job) => Path.Combine(state.ConfigDrives, $"{job}.img");

    public bool Has(string job, Digest digest) => File.Exists(PathOf(job)) && Digest.Of(File.ReadAllBytes(PathOf(job))) == digest;

    /// <param name="vendorData">For cloud-init, beside the user data.</param>
    public async Task<Digest> BuildAsync(string job, NodeRow node, DeployNode spec, string? userData, string[] vendorData, int sectorBytes, CancellationToken cancel)
    {
        var folder = Directory.CreateTempSubdirectory("config-drive-");
        var image = Path.Combine(folder.FullName, "drive.img");
        try
        {
            await VfatDrive.BuildAsync(image, FilesOf(node, spec, userData, vendorData).Select(file => ($"openstack/latest/{file.Name}", file.Content)), sectorBytes, cancel);
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

    private static IEnumerable<(string Name, byte[] Content)> FilesOf(NodeRow node, DeployNode spec, string? userData, string[] vendorData)
    {
        yield return ("meta_data.json", new InstanceMetadata(node.Id, spec.Hostname ?? node.Name, spec.SshKeys ?? []).ToOpenStack());
        yield return ("vendor_data.json", VendorData(vendorData));
        if (userData is not null)
            yield return ("user_data", Encoding.UTF8.GetBytes(userData));
        if (spec.NetworkData is { } network)
            yield return ("network_data.json", Encoding.UTF8.GetBytes(network.GetRawText()));
    }

    // Not in the user data, which is the operator's alone. Each part is what user data could be: a cloud-config, or a script.
    private static byte[] VendorData(string[] parts)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartArray("cloud-init");
            foreach (var part in parts)
                json.WriteStringValue(part);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        return buffer.ToArray();
    }
}
