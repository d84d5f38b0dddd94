using System.Text.Json.Serialization;
using Baremetal.Api;

namespace Baremetal.VmRunner.Host;

/// <summary>What this host knows of a VM: the truth while the conductor is away, and after a restart.</summary>
/// <param name="Order">As it came last.</param>
/// <param name="State">As it was found last.</param>
/// <param name="Since">When it came to that.</param>
/// <param name="Mac">The guest's, for ever.</param>
/// <param name="Address">The same, once it was put on its network.</param>
/// <param name="ImageId">The engine's id of the image that it was made from: a digest, so that a tag that moves changes nothing.</param>
/// <param name="ImageDigest">The same, of the manifest, as registries have it.</param>
/// <param name="StartedRun">Under which of the order's numbers it was last started; 0 for never.</param>
/// <param name="StartedAfter">What the engine then told of its last start before: as long as it tells the same, this one did not come about.</param>
/// <param name="BootId">Of the host, at that start.</param>
/// <param name="FailedRun">The number under which it failed for good; 0 for none.</param>
internal sealed record VmRecord(
    VmOrder Order,
    VmState State,
    DateTimeOffset Since,
    string Mac,
    string? Address = null,
    string? ImageId = null,
    string? ImageDigest = null,
    long StartedRun = 0,
    long StartedAfter = 0,
    string? BootId = null,
    long FailedRun = 0,
    string? Cause = null,
    int? ExitCode = null)
{
    [JsonIgnore]
    public string Id => Order.Id;
}

[JsonSourceGenerationOptions(
    System.Text.Json.JsonSerializerDefaults.Web,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(Words<VmState>), typeof(Words<VmTarget>)])]
[JsonSerializable(typeof(VmRecord))]
internal sealed partial class VmRecordJson : JsonSerializerContext;
