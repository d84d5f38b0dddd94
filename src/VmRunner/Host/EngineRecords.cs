using System.Text.Json.Serialization;

namespace Baremetal.VmRunner.Host;

// What of podman's JSON is looked at; its own names.

/// <summary>Of <c>podman ps</c>. Times are seconds since 1970, negative where there is none.</summary>
internal sealed record EngineContainer(string Id, string ImageID, string State, int ExitCode, long StartedAt, Dictionary<string, string>? Labels);

/// <summary>Of <c>podman image inspect</c>.</summary>
internal sealed record EngineImage(string Id, string? Digest, EngineImageConfig? Config);

internal sealed record EngineImageConfig(string[]? Env, string[]? Cmd);

/// <summary>Of <c>podman network ls</c>, whose names are lower case.</summary>
internal sealed record EngineNetwork(
    [property: JsonPropertyName("name")] string Name, [property: JsonPropertyName("driver")] string? Driver, [property: JsonPropertyName("subnets")] EngineSubnet[]? Subnets);

internal sealed record EngineSubnet([property: JsonPropertyName("subnet")] string Subnet, [property: JsonPropertyName("gateway")] string? Gateway);

/// <summary>Of <c>podman info</c>.</summary>
internal sealed record EngineInfo([property: JsonPropertyName("host")] EngineHost Host, [property: JsonPropertyName("version")] EngineVersion Version);

internal sealed record EngineHost(
    [property: JsonPropertyName("networkBackend")] string? NetworkBackend,
    [property: JsonPropertyName("cgroupVersion")] string? CgroupVersion,
    [property: JsonPropertyName("cgroupControllers")] string[]? CgroupControllers,
    [property: JsonPropertyName("ociRuntime")] EngineRuntime? OciRuntime);

internal sealed record EngineRuntime([property: JsonPropertyName("name")] string? Name);

internal sealed record EngineVersion([property: JsonPropertyName("Version")] string Version);

[JsonSourceGenerationOptions(RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(EngineContainer[]))]
[JsonSerializable(typeof(EngineImage[]))]
[JsonSerializable(typeof(EngineNetwork[]))]
[JsonSerializable(typeof(EngineInfo))]
internal sealed partial class EngineJson : JsonSerializerContext;
