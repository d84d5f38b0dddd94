using System.Text.Json.Serialization;

namespace Baremetal.Bench;

/// <summary>What <c>deploy-agent write --progress json</c> says last.</summary>
internal sealed record AgentFigures(long WireBytes, long PeakMemoryBytes);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(AgentFigures))]
internal sealed partial class AgentJson : JsonSerializerContext;
