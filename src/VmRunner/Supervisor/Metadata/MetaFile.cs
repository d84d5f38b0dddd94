using System.Text.Json;
using System.Text.Json.Serialization;

namespace Baremetal.VmRunner.Supervisor.Metadata;

/// <summary>
/// What the host's service has to tell a guest: a folder mounted read-only at <c>/meta</c>, each of whose files may be missing:
/// <code>
///   meta.json           {"instanceId": "web-1", "hostname": "web-1", "publicKeys": ["ssh-ed25519 AAAA… ann@site"]}     at most 64 KiB
///   user-data           any bytes, for cloud-init or a script                                                          at most 1 MiB
///   network-data.json   OpenStack's network_data.json; without it, one that says DHCP                                  at most 64 KiB
///   vendor-data.json    OpenStack's vendor_data.json; without it, {}                                                   at most 1 MiB
/// </code>
/// A member of <c>meta.json</c> that is missing comes from the container: its id (or <c>INSTANCE_ID</c>), its hostname, its variables
/// <c>PUBLIC_KEY_n</c>. It is read once, when the container starts.
/// </summary>
/// <param name="InstanceId">At most 64 letters, digits and any of <c>.-_</c>.</param>
/// <param name="Hostname">At most 253 letters, digits and any of <c>.-</c>.</param>
/// <param name="PublicKeys">At most 32 lines of at most 8 KiB.</param>
internal sealed record MetaFile(string? InstanceId = null, string? Hostname = null, IReadOnlyList<string>? PublicKeys = null);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(MetaFile))]
internal sealed partial class MetaJson : JsonSerializerContext;
