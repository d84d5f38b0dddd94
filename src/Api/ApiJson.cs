using System.Text.Json;
using System.Text.Json.Serialization;

namespace Baremetal.Api;

/// <summary>
/// JSON as the wire has it: camelCase, enums as kebab-case words, nothing null, no reflection, no duplicate members. What operators say and
/// hear; for agents there is <see cref="AgentJson"/>.
/// </summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web,
    AllowDuplicateProperties = false,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(Words<NodeState>), typeof(Words<BootPolicy>), typeof(Words<FirmwareMode>), typeof(Words<PowerTarget>), typeof(Words<PowerState>), typeof(Words<JobKind>), typeof(Words<JobOutcome>), typeof(Words<CleanDepth>), typeof(Words<BootSign>), typeof(Words<StepOutcome>), typeof(Words<ProgressPhase>), typeof(Words<InventoryPart>), typeof(Words<InventoryChangeKind>), typeof(Words<RunnerState>), typeof(Words<VmState>), typeof(Words<VmTarget>), typeof(Words<VmView>)])]
[JsonSerializable(typeof(Problem))]
[JsonSerializable(typeof(EnrolNode))]
[JsonSerializable(typeof(EditNode))]
[JsonSerializable(typeof(BeginMaintenance))]
[JsonSerializable(typeof(Node))]
[JsonSerializable(typeof(Page<Node>))]
[JsonSerializable(typeof(SetPower))]
[JsonSerializable(typeof(PowerReport))]
[JsonSerializable(typeof(DeployNode))]
[JsonSerializable(typeof(CleanNode))]
[JsonSerializable(typeof(RescueNode))]
[JsonSerializable(typeof(Disk[]))]
[JsonSerializable(typeof(SshHostKey[]))]
[JsonSerializable(typeof(Job))]
[JsonSerializable(typeof(Page<Job>))]
[JsonSerializable(typeof(JobLog))]
[JsonSerializable(typeof(Event))]
[JsonSerializable(typeof(Image))]
[JsonSerializable(typeof(AddImage))]
[JsonSerializable(typeof(Page<Image>))]
[JsonSerializable(typeof(Inventory))]
[JsonSerializable(typeof(KeptInventory))]
[JsonSerializable(typeof(Page<KeptInventory>))]
[JsonSerializable(typeof(NewRunnerToken))]
[JsonSerializable(typeof(RunnerToken))]
[JsonSerializable(typeof(Runner))]
[JsonSerializable(typeof(Page<Runner>))]
[JsonSerializable(typeof(RunnerCapacity))]
[JsonSerializable(typeof(PreflightCheck[]))]
[JsonSerializable(typeof(CreateVm))]
[JsonSerializable(typeof(Vm))]
[JsonSerializable(typeof(Page<Vm>))]
[JsonSerializable(typeof(BuildVmImage))]
[JsonSerializable(typeof(VmImage))]
[JsonSerializable(typeof(Page<VmImage>))]
public sealed partial class ApiJson : JsonSerializerContext;

/// <summary>An enum as a word of the wire: <c>DiskFirst</c> is <c>disk-first</c>.</summary>
public sealed class Words<T>() : JsonStringEnumConverter<T>(JsonNamingPolicy.KebabCaseLower, allowIntegerValues: false)
    where T : struct, Enum;
