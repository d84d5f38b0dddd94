using System.Text;
using System.Text.Json;
using Baremetal.Api;
using Baremetal.Metadata;

namespace Baremetal.VmRunner.Supervisor.Metadata;

/// <summary>What this guest is told of itself, wherever it looks.</summary>
/// <param name="Instance">Name and keys.</param>
/// <param name="UserData">Or null.</param>
/// <param name="NetworkData">OpenStack's JSON.</param>
/// <param name="VendorData">The same.</param>
internal sealed record GuestMetadata(InstanceMetadata Instance, byte[]? UserData, byte[] NetworkData, byte[] VendorData)
{
    private const int MostMetaBytes = 256 << 10;
    private const int MostUserDataBytes = 1 << 20;
    private const int MostNetworkDataBytes = 64 << 10;
    private const int MostVendorDataBytes = 1 << 20;

    private const int MostIdLength = 64;
    private const int MostHostnameLength = 253; // RFC 1035 §2.3.4, without the dots of the wire

    /// <summary>Throws a <see cref="SupervisorException"/> that names the file and what is wrong with it.</summary>
    /// <param name="folder">Of <see cref="MetaFile"/>; it need not be there.</param>
    /// <param name="settings">Of the container.</param>
    /// <param name="link">The same.</param>
    /// <param name="containerId">The same.</param>
    public static GuestMetadata Read(string folder, VmSettings settings, ContainerLink link, string containerId)
    {
        var path = Path.Combine(folder, "meta.json");
        var meta = ReadFile(path, MostMetaBytes) is { } bytes ? Parse(path, bytes) : new MetaFile();
        var instance = new InstanceMetadata(
            meta.InstanceId ?? (settings.InstanceId.Length > 0 ? settings.InstanceId : IdOf(containerId)),
            meta.Hostname ?? link.HostName,
            meta.PublicKeys ?? settings.PublicKeys);
        if (FirstFault(instance) is { } fault)
            throw Refused(path, fault);
        return new GuestMetadata(
            instance,
            ReadFile(Path.Combine(folder, "user-data"), MostUserDataBytes),
            ReadJson(Path.Combine(folder, "network-data.json"), MostNetworkDataBytes) ?? UsualNetwork(link),
            ReadJson(Path.Combine(folder, "vendor-data.json"), MostVendorDataBytes) ?? "{}"u8.ToArray());
    }

    /// <summary>The files of a config drive.</summary>
    public IEnumerable<(string Path, byte[] Content)> DriveFiles()
    {
        yield return ("openstack/latest/meta_data.json", Instance.ToOpenStack());
        yield return ("openstack/latest/network_data.json", NetworkData);
        yield return ("openstack/latest/vendor_data.json", VendorData);
        yield return ("ec2/latest/meta-data.json", Instance.ToEc2());
        if (UserData is null)
            yield break;
        yield return ("openstack/latest/user_data", UserData);
        yield return ("ec2/latest/user-data", UserData);
    }

    // As OpenStack has it: a UUID, which the first half of a container's id is as good as.
    private static string IdOf(string containerId) =>
        containerId.Length >= 32 && Guid.TryParseExact(containerId[..32], "N", out var id) ? id.ToString("D") : containerId;

    private static MetaFile Parse(string path, byte[] bytes)
    {
        try
        {
            return JsonSerializer.Deserialize(bytes, MetaJson.Default.MetaFile) ?? throw Refused(path, "is null");
        }
        catch (JsonException e)
        {
            throw Refused(path, $"is not as it should be: {e.Message}");
        }
    }

    private static string? FirstFault(InstanceMetadata instance) =>
        !IsName(instance.Id, MostIdLength, ".-_") ? $"(or INSTANCE_ID) has the instanceId '{instance.Id}'; it is 1 to {MostIdLength} letters, digits, dots, dashes and underscores"
        : !IsName(instance.HostName, MostHostnameLength, ".-") ? $"(or the container) has the hostname '{instance.HostName}'; it is 1 to {MostHostnameLength} letters, digits, dots and dashes"
        : instance.PublicKeys.Count > SshPublicKey.Most ? $"(or PUBLIC_KEY_n) has {instance.PublicKeys.Count} keys; there are at most {SshPublicKey.Most}"
        : instance.PublicKeys.Any(key => key is not { Length: > 0 and <= SshPublicKey.Longest } || key.Any(char.IsControl)) ? $"(or PUBLIC_KEY_n) has a key that is none; a key is one line of at most {SshPublicKey.Longest} characters"
        : null;

    private static bool IsName(string text, int most, string others) =>
        text.Length > 0 && text.Length <= most && text.All(character => char.IsAsciiLetterOrDigit(character) || others.Contains(character, StringComparison.Ordinal));

    private static byte[]? ReadJson(string path, int most)
    {
        var bytes = ReadFile(path, most);
        if (bytes is null)
            return null;
        try
        {
            JsonDocument.Parse(bytes).Dispose();
            return bytes;
        }
        catch (JsonException e)
        {
            throw Refused(path, $"is no JSON: {e.Message}");
        }
    }

    private static byte[]? ReadFile(string path, int most)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read);
            if (file.Length > most)
                throw Refused(path, $"has {file.Length} bytes; the most is {most}");
            var bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Refused(path, $"cannot be read: {e.Message}");
        }
    }

    private static byte[] UsualNetwork(ContainerLink link) => Encoding.UTF8.GetBytes(
        $$"""{"links": [{"id": "eth0", "type": "phy", "ethernet_mac_address": "{{link.Mac}}", "mtu": {{link.Mtu}}}], "networks": [{"id": "network0", "type": "ipv4_dhcp", "link": "eth0"}], "services": []}""");

    private static SupervisorException Refused(string path, string why) => new(ExitCodes.RefusedOption, $"{path} {why}.");
}
