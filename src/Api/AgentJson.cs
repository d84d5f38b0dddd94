using System.Text.Json;
using System.Text.Json.Serialization;

namespace Baremetal.Api;

/// <summary>
/// JSON as <see cref="ApiJson"/> has it, of what agents say and hear: apart from the rest, which would be carried in every netboot else.
/// </summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web,
    AllowDuplicateProperties = false,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(Words<FirmwareMode>), typeof(Words<StepOutcome>), typeof(Words<ProgressPhase>)])]
[JsonSerializable(typeof(Problem))]
[JsonSerializable(typeof(AgentEnrol))]
[JsonSerializable(typeof(AgentIdentity))]
[JsonSerializable(typeof(AgentRenew))]
[JsonSerializable(typeof(AgentCertificate))]
[JsonSerializable(typeof(TrustChain))]
[JsonSerializable(typeof(AgentHeartbeat))]
[JsonSerializable(typeof(HeartbeatAnswer))]
[JsonSerializable(typeof(AskOrder))]
[JsonSerializable(typeof(StepReport))]
[JsonSerializable(typeof(Inventory))]
[JsonSerializable(typeof(AgentLogText))]
public sealed partial class AgentJson : JsonSerializerContext;
