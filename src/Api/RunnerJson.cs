using System.Text.Json;
using System.Text.Json.Serialization;

namespace Baremetal.Api;

/// <summary>JSON as <see cref="ApiJson"/> has it, of what runners say and hear.</summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web,
    AllowDuplicateProperties = false,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(Words<VmState>), typeof(Words<VmTarget>), typeof(Words<VmView>)])]
[JsonSerializable(typeof(Problem))]
[JsonSerializable(typeof(RunnerJoin))]
[JsonSerializable(typeof(RunnerIdentity))]
[JsonSerializable(typeof(RunnerRenew))]
[JsonSerializable(typeof(RunnerCertificate))]
[JsonSerializable(typeof(RunnerOrders))]
[JsonSerializable(typeof(RunnerReport))]
public sealed partial class RunnerJson : JsonSerializerContext;
