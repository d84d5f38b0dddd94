using System.Text.Json;

namespace Baremetal.Metadata;

/// <summary>What a system is told of itself when it starts for the first time, whether it reads it from a config drive or from a metadata service.</summary>
/// <param name="Id">Another one makes cloud-init begin anew.</param>
/// <param name="HostName">Its name.</param>
/// <param name="PublicKeys">Lines of <c>authorized_keys</c>.</param>
public sealed record InstanceMetadata(string Id, string HostName, IReadOnlyList<string> PublicKeys)
{
    /// <summary>The name under which a key is listed.</summary>
    public static string KeyName(int number) => $"key-{number}";

    /// <summary>OpenStack's <c>meta_data.json</c>.</summary>
    public byte[] ToOpenStack() => Write(json =>
    {
        json.WriteString("uuid", Id);
        json.WriteString("hostname", HostName);
        json.WriteString("name", HostName);
        json.WriteStartObject("public_keys");
        foreach (var (number, key) in PublicKeys.Index())
            json.WriteString(KeyName(number), key);
        json.WriteEndObject();
    });

    /// <summary>The <c>ec2/latest/meta-data.json</c> of a config drive: what EC2's service has under <c>meta-data/</c>, as one object.</summary>
    public byte[] ToEc2() => Write(json =>
    {
        json.WriteString("instance-id", Id);
        json.WriteString("hostname", HostName);
        json.WriteString("local-hostname", HostName);
        json.WriteStartObject("public-keys");
        foreach (var (number, key) in PublicKeys.Index())
        {
            json.WriteStartObject($"{number}");
            json.WriteString("openssh-key", key);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    });

    private static byte[] Write(Action<Utf8JsonWriter> members)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }
        return buffer.ToArray();
    }
}
