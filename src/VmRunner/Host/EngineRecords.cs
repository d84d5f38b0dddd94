using System.Text.Json.Serialization;

namespace Baremetal.VmRunner.Host;

// What of podman's JSON is looked at; its own names.

/// <summary>Of <c>podman ps</c>. Times are seconds since 1970, negative where there is none.</summary>
internal sealed record EngineContainer(string Id, string ImageID, string State, int ExitCode, long StartedAt, Dictionary<string, string>? Labels = null);

/// <summary>Of <c>podman image inspect</c>.</summary>
internal sealed record EngineImage(string Id, string? Digest = null, EngineImageConfig? Config = null);

internal sealed record EngineImageConfig(string[]? Env = null, string[]? Cmd = null);

/// <summary>Of <c>podman network ls</c>, whose names are lower case.</summary>
internal sealed record EngineNetwork(
    [property: JsonPropertyName("name")] string Name, [property: JsonPropertyName("driver")] string? Driver = null, [property: JsonPropertyName("subnets")] EngineSubnet[]? Subnets = null);

internal sealed record EngineSubnet([property: JsonPropertyName("subnet")] string Subnet, [property: JsonPropertyName("gateway")] string? Gateway = null);

/// <summary>Of <c>podman info</c>.</summary>
internal sealed record EngineInfo([property: JsonPropertyName("host")] EngineHost Host, [property: JsonPropertyName("version")] EngineVersion Version);

internal sealed record EngineHost(
    [property: JsonPropertyName("networkBackend")] string? NetworkBackend = null,
    [property: JsonPropertyName("cgroupVersion")] string? CgroupVersion = null,
    [property: JsonPropertyName("cgroupControllers")] string[]? CgroupControllers = null,
    [property: JsonPropertyName("ociRuntime")] EngineRuntime? OciRuntime = null);

internal sealed record EngineRuntime([property: JsonPropertyName("name")] string? Name = null);

internal sealed record EngineVersion([property: JsonPropertyName("Version")] string Version);

[JsonSourceGenerationOptions(RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(EngineContainer[]))]
[JsonSerializable(typeof(EngineImage[]))]
[JsonSerializable(typeof(EngineNetwork[]))]
[JsonSerializable(typeof(EngineInfo))]
internal sealed partial class EngineJson : JsonSerializerContext;
