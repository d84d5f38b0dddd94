using System.Data;
using Baremetal.Api;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Images;
using Baremetal.Trust;
using Dapper;

namespace Baremetal.Conductor.VmImages;

/// <summary>An image that VMs are made of, as the table has it; the disk itself is the blob of the image that it was built from.</summary>
public sealed record VmImageRow
{
    public Digest ManifestSha256 { get; init; }

    public required string Name { get; init; }

    public required string Version { get; init; }

    public Digest OciSha256 { get; init; }

    public required byte[] OciManifest { get; init; }

    public Digest ConfigSha256 { get; init; }

    public required byte[] OciConfig { get; init; }

    public Digest LayerSha256 { get; init; }

    public long LayerBytes { get; init; }

    public Digest DiskSha256 { get; init; }

    public required string Format { get; init; }

    public DateTimeOffset Built { get; init; }

    public VmImage ToApi() => new($"{Name}:{Version}", OciImage.Named(OciSha256), LayerBytes + OciConfig.Length + OciManifest.Length, ManifestSha256.ToString(), Built);
}

/// <summary>The statements of <c>vm_images</c>.</summary>
internal static class VmImageTable
{
    private const string Select = "SELECT v.*, i.name, i.version FROM vm_images v JOIN images i ON i.manifest_sha256 = v.manifest_sha256";

    public static List<VmImageRow> All(IDbConnection sql) => sql.Query<VmImageRow>($"{Select} ORDER BY i.name, i.version").AsList();

    public static VmImageRow? Of(IDbConnection sql, ImageRow image) => sql.QuerySingleOrDefault<VmImageRow>($"{Select} WHERE v.manifest_sha256 = @ManifestSha256", new { image.ManifestSha256 });

    public static VmImageRow? ByOci(IDbConnection sql, Digest oci) => sql.QueryFirstOrDefault<VmImageRow>($"{Select} WHERE v.oci_sha256 = @oci", new { oci });

    /// <summary>The one that has this configuration or this layer; two images of one disk share both.</summary>
    public static VmImageRow? ByPart(IDbConnection sql, Digest part) => sql.QueryFirstOrDefault<VmImageRow>($"{Select} WHERE v.config_sha256 = @part OR v.layer_sha256 = @part", new { part });

    /// <summary>Building it again makes the same.</summary>
    public static void Put(WriteTransaction tx, VmImageRow image) => tx.Sql.Execute(
        """
        INSERT INTO vm_images (manifest_sha256, oci_sha256, oci_manifest, config_sha256, oci_config, layer_sha256, layer_bytes, disk_sha256, format, built)
        VALUES (@ManifestSha256, @OciSha256, @OciManifest, @ConfigSha256, @OciConfig, @LayerSha256, @LayerBytes, @DiskSha256, @Format, @Built)
        ON CONFLICT (manifest_sha256) DO NOTHING
        """,
        image);

    public static void Remove(WriteTransaction tx, VmImageRow image) => tx.Sql.Execute("DELETE FROM vm_images WHERE manifest_sha256 = @ManifestSha256", new { image.ManifestSha256 });
}
