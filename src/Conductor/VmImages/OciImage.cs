using System.Text.Json;
using System.Text.Json.Serialization;
using Baremetal.Trust;

namespace Baremetal.Conductor.VmImages;

/// <summary>
/// The documents of an OCI image with one layer (https://github.com/opencontainers/image-spec, 1.1): <c>config</c> says what it is, and <c>manifest</c> names
/// config and layer by digest. The same layer makes the same documents.
/// </summary>
internal sealed record OciImage(byte[] Config, byte[] Manifest)
{
    public const string ManifestType = "application/vnd.oci.image.manifest.v1+json";

    private const string ConfigType = "application/vnd.oci.image.config.v1+json";
    private const string LayerType = "application/vnd.oci.image.layer.v1.tar";

    /// <summary>By which the whole image is known.</summary>
    public Digest Digest => Digest.Of(Manifest);

    /// <param name="layer">Of the archive as it is: it is not compressed, so that this is also the digest of its content.</param>
    /// <param name="layerBytes">Its length.</param>
    /// <param name="title">What the image is called.</param>
    /// <param name="imageManifest">Which signed manifest the disk is of.</param>
    /// <param name="created">When that was signed.</param>
    public static OciImage Of(Digest layer, long layerBytes, string title, Digest imageManifest, DateTimeOffset created)
    {
        var config = JsonSerializer.SerializeToUtf8Bytes(
            new OciConfig(created, "amd64", "linux", new OciRootfs("layers", [Named(layer)])), OciJson.Default.OciConfig);
        var manifest = JsonSerializer.SerializeToUtf8Bytes(
            new OciManifest(2, ManifestType, new OciDescriptor(ConfigType, Named(Digest.Of(config)), config.Length), [new OciDescriptor(LayerType, Named(layer), layerBytes)], new(StringComparer.Ordinal)
            {
                ["org.opencontainers.image.title"] = title,
                ["io.baremetal.image-manifest"] = Named(imageManifest),
            }),
            OciJson.Default.OciManifest);
        return new OciImage(config, manifest);
    }

    /// <summary>As OCI writes one.</summary>
    public static string Named(Digest digest) => $"sha256:{digest}";
}

internal sealed record OciConfig(DateTimeOffset Created, string Architecture, string Os, OciRootfs Rootfs);

internal sealed record OciRootfs(string Type, [property: JsonPropertyName("diff_ids")] string[] DiffIds);

internal sealed record OciDescriptor(string MediaType, string Digest, long Size);

internal sealed record OciManifest(int SchemaVersion, string MediaType, OciDescriptor Config, OciDescriptor[] Layers, Dictionary<string, string> Annotations);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(OciConfig))]
[JsonSerializable(typeof(OciManifest))]
[JsonSerializable(typeof(RegistryErrors))]
internal sealed partial class OciJson : JsonSerializerContext;
