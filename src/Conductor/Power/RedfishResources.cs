using System.Text.Json.Serialization;

namespace Baremetal.Conductor.Power;

// The parts of the DMTF's schemas (DSP8010) that are asked for: ComputerSystemCollection, ComputerSystem.

internal sealed record RedfishCollection(RedfishLink[]? Members);

internal sealed record RedfishLink([property: JsonPropertyName("@odata.id")] string? Id);

internal sealed record RedfishSystem(string? PowerState, RedfishBoot? Boot, RedfishActions? Actions);

internal sealed record RedfishBoot(string? BootSourceOverrideEnabled, string? BootSourceOverrideTarget, string? BootSourceOverrideMode = null);

internal sealed record RedfishActions([property: JsonPropertyName("#ComputerSystem.Reset")] RedfishReset? Reset);

internal sealed record RedfishReset([property: JsonPropertyName("target")] string? Target);

internal sealed record RedfishBootPatch(RedfishBoot Boot);

internal sealed record RedfishResetBody(string ResetType);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.Unspecified, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(RedfishCollection))]
[JsonSerializable(typeof(RedfishSystem))]
[JsonSerializable(typeof(RedfishBootPatch))]
[JsonSerializable(typeof(RedfishResetBody))]
internal sealed partial class RedfishJson : JsonSerializerContext;
