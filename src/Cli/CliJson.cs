using System.Text.Json;
using System.Text.Json.Serialization;
using Baremetal.Cli.Keys;

namespace Baremetal.Cli;

/// <summary>JSON of the commands that need no conductor; the others print the API's own.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, WriteIndented = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(NewKeys))]
[JsonSerializable(typeof(TrustReport))]
internal sealed partial class CliJson : JsonSerializerContext;
