using System.Text.Json;
using System.Text.Json.Serialization;
using Baremetal.Api;
using Baremetal.Cli.Images;
using Baremetal.Cli.Keys;
using Baremetal.Imaging.Inspection;

namespace Baremetal.Cli;

/// <summary>JSON of the commands that need no conductor.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, WriteIndented = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(NewKeys))]
[JsonSerializable(typeof(TrustReport))]
[JsonSerializable(typeof(ImageReport))]
[JsonSerializable(typeof(CosignReport))]
[JsonSerializable(typeof(ImageInspection))]
internal sealed partial class CliJson : JsonSerializerContext
{
    /// <summary>The API's own records, indented.</summary>
    public static ApiJson Api { get; } = new(new JsonSerializerOptions(ApiJson.Default.Options) { WriteIndented = true });
}
