using Baremetal.Api;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Images;
using Baremetal.Trust;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Baremetal.Conductor.VmImages;

/// <summary>Makes images for VMs of those for servers, and lists them.</summary>
internal static class VmImageEndpoints
{
    // What our VMs' firmware is, and their processors.
    private const string Firmware = "bios";
    private const string Architecture = "x86_64";

    /// <summary>Answers when it is built, which takes as long as reading the disk once; a call that is repeated meanwhile builds the same.</summary>
    public static async Task<Ok<VmImage>> Build(BuildVmImage ask, IDatabase database, TrustChainStore trust, BlobStore blobs, LayerDigests layers, TimeProvider time, CancellationToken cancel)
    {
        var image = database.Read(sql => ImageTable.Get(sql, ask.Image ?? ""));
        if (database.Read(sql => VmImageTable.Of(sql, image)) is { } built)
            return TypedResults.Ok(built.ToApi());
        var manifest = RequireTrusted(image, trust, time);
        RequireBootable(manifest.Predicate);
        if (!blobs.TryFind(manifest.SourceDigest, out var disk) || disk.Length != manifest.Predicate.Source.Size)
            throw Problems.Refused($"The image file of image {image.Name}:{image.Version} (blob {manifest.SourceDigest}) is not here any more.", "Upload it again: 'conductor image add'.");

        var format = manifest.Predicate.Source.Format;
        var layer = await layers.OfAsync(disk, format, cancel);
        var bytes = VmImageLayer.LengthFor(disk.Length);
        var oci = OciImage.Of(layer, bytes, $"{image.Name}:{image.Version}", image.ManifestSha256, manifest.Predicate.CreatedAt);
        return TypedResults.Ok(database.Write(tx =>
        {
            // It may have been removed while its disk was read.
            var still = ImageTable.Get(tx.Sql, $"{image.Name}:{image.Version}");
            VmImageTable.Put(tx, new VmImageRow
            {
                ManifestSha256 = still.ManifestSha256,
                Name = still.Name,
                Version = still.Version,
                OciSha256 = oci.Digest,
                OciManifest = oci.Manifest,
                ConfigSha256 = Digest.Of(oci.Config),
                OciConfig = oci.Config,
                LayerSha256 = layer,
                LayerBytes = bytes,
                DiskSha256 = manifest.SourceDigest,
                Format = format,
                Built = tx.Now,
            });
            return VmImageTable.Of(tx.Sql, still)!;
        }).ToApi());
    }

    public static Page<VmImage> List(IDatabase database) => new([.. database.Read(VmImageTable.All).Select(row => row.ToApi())], null);

    /// <summary>VMs that were made of it have it already; those that were not yet started are not.</summary>
    public static NoContent Remove(string image, IDatabase database)
    {
        database.Write(tx =>
        {
            var found = ImageTable.Get(tx.Sql, image);
            VmImageTable.Remove(tx, VmImageTable.Of(tx.Sql, found) ?? throw Problems.NotFound("VM image", image, "'conductor vm-image list' shows all."));
        });
        return TypedResults.NoContent();
    }

    private static ImageManifest RequireTrusted(ImageRow image, TrustChainStore trust, TimeProvider time) =>
        trust.TryGet(out var anchor, out var rejection) && anchor.TryOpenManifest(image.Envelope, time.GetUtcNow(), out var manifest, out _, out rejection)
            ? manifest
            : throw Problems.Refused(rejection.Cause, rejection.Remedy);

    private static void RequireBootable(ImagePredicate image)
    {
        if (image.Partition is not null)
            throw Problems.Refused($"Image {image.Name}:{image.Version} is a partition, which boots no VM.", "Build one of a whole-disk image.");
        if (image.Arch is not (Architecture or ImagePredicate.AnyArch))
            throw Problems.Refused($"Image {image.Name}:{image.Version} is for {image.Arch}; VMs are {Architecture}.");
        if (image.Firmware.Length > 0 && !image.Firmware.Contains(Firmware))
            throw Problems.Refused($"Image {image.Name}:{image.Version} boots under {string.Join(" and ", image.Firmware)}; a VM's firmware is a BIOS.", "Build one of an image that boots under both.");
    }
}
