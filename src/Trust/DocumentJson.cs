using System.Text.Json.Serialization;

namespace Baremetal.Trust;

/// <summary>
/// JSON of signed documents: camelCase, no duplicate members, none missing or null that must not be, nothing after the end. Unknown members are let be, so that an older
/// agent can read what a newer conductor wrote.
/// </summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    MaxDepth = 16)]
[JsonSerializable(typeof(Envelope))]
[JsonSerializable(typeof(ImageManifest))]
[JsonSerializable(typeof(TrustDocument))]
[JsonSerializable(typeof(DeployOrder))]
internal sealed partial class DocumentJson : JsonSerializerContext;
