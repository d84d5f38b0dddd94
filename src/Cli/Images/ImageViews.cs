using System.Globalization;
using Baremetal.Api;
using Baremetal.Cli.Display;
using Baremetal.Imaging.Formats.Qcow2;
using Baremetal.Imaging.Inspection;
using Baremetal.Trust;

namespace Baremetal.Cli.Images;

/// <summary>A signed image: its manifest's words, and the files that were looked at.</summary>
/// <param name="ManifestFile">Its path.</param>
/// <param name="ManifestSha256">Of its payload.</param>
/// <param name="File">The image file, if it was looked at.</param>
/// <param name="Image">The manifest's words.</param>
/// <param name="SourceReads">What a write reads of the file, by its size; null if that was not looked at.</param>
internal sealed record ImageReport(string ManifestFile, Digest ManifestSha256, string? File, ImagePredicate Image, double? SourceReads = null);


/// <summary>A manifest with one signature more. <paramref name="Missing"/>: how many distinct signers the trust document demands beyond those.</summary>
internal sealed record CosignReport(string ManifestFile, Digest ManifestSha256, ImagePredicate Image, string[] Signers, int Missing);

/// <summary>Images as people read them.</summary>
internal static class ImageViews
{
    public static void Signed(Screen screen, ImageReport report)
    {
        screen.Line($"Signed {report.Image.Name}:{report.Image.Version} in {report.ManifestFile}; its two indexes lie beside it.");
        screen.Line();
        Describe(screen, report.Image, report.ManifestSha256, report.SourceReads);
        if (report.Image.Arch == ImagePredicate.AnyArch || report.Image.Firmware.Length == 0)
        {
            screen.Line();
            screen.Line("No boot loader was found that tells what it boots on. 'deploy-agent write' takes");
            screen.Line("it as it is; for a deploy, sign it with --arch and --firmware.");
        }
        if (report.SourceReads > Rewriting.Worthwhile)
        {
            screen.Line();
            screen.Line($"Its clusters lie scattered: every write reads the file {Times(report.SourceReads.Value)} over. To put them");
            screen.Line("in order, sign it with --rewrite, or convert it first:");
            screen.Line();
            screen.Line($"  qemu-img convert -O qcow2 -c {report.File} NEW.qcow2");
        }
        screen.Line();
        screen.Line("Next, write it to a disk by hand:");
        screen.Line();
        screen.Line($"  deploy-agent write --manifest {report.ManifestFile} \\");
        screen.Line($"    --trust trust.dsse.json --source {report.File} --target /dev/sdX");
        screen.Line();
        screen.Line("Or give it to the conductor:");
        screen.Line();
        screen.Line($"  conductor image add {report.ManifestFile} --source {report.File}");
    }

    public static void Cosigned(Screen screen, CosignReport report)
    {
        screen.Line($"Signed {report.Image.Name}:{report.Image.Version} in {report.ManifestFile}, which has {report.Signers.Length} signers now.");
        screen.Line(report.Missing > 0 ? $"The trust document demands {report.Missing} more." : "That is as many as the trust document demands.");
        screen.Line();
        Describe(screen, report.Image, report.ManifestSha256);
    }

    public static void Verified(Screen screen, ImageReport report)
    {
        screen.Line(new Run("Verified", Tone.Good), $": {report.Image.Name}:{report.Image.Version} is signed and trusted.");
        screen.Line(report.File is null
            ? "The image file was not looked at; give it to check its chunks too."
            : $"Every chunk of {report.File} is as it was signed ({report.Image.Source.ChunkCount} of {Units.Bytes(report.Image.Source.ChunkSize)}).");
        screen.Line();
        Describe(screen, report.Image, report.ManifestSha256);
    }

    public static void Inspection(Screen screen, ImageInspection found)
    {
        var sheet = new Sheet();
        sheet.Add("Format", found.Compression is null or "none" ? found.Format : $"{found.Format}, {found.Compression}");
        sheet.Add("File", Units.Bytes(found.FileBytes));
        sheet.Add("Disk", found.DiskBytes is { } disk ? $"{Units.Bytes(disk)}{(found.AllocatedBytes is { } allocated ? $", {Units.Bytes(allocated)} of it with content" : "")}" : null);
        sheet.Add("Features", string.Join(", ", found.Features));
        sheet.Add("Unknown features", string.Join(", ", found.Qcow2?.UnknownFeatures ?? []));
        sheet.Add("Backing file", found.Qcow2?.BackingFile);
        sheet.Add("Snapshots", found.Qcow2 is { SnapshotCount: > 0 } qcow2 ? Snapshots(qcow2) : null);
        if (found.Layout is { } layout)
        {
            sheet.Add("Kind", layout.FileSystem is { } root ? $"a file system ({root.Name}, {Units.Bytes(root.Bytes)}), of which 'image sign' makes a disk with --kernel and --ramdisk" : null);
            sheet.Add("Partitions", $"{layout.PartitionTable}, for sectors of {layout.SectorSize} bytes");
            sheet.Add("Boots on", layout.Boot.Firmware.Count == 0 ? "unknown" : $"{string.Join(", ", layout.Boot.Firmware)}; {layout.Boot.Arch}");
        }
        sheet.Add("Can be written", found.Refused is null ? "yes" : $"no. {found.Refused}", found.Refused is null ? Tone.Good : Tone.Bad);
        sheet.Write(screen);
        if (found.Layout is not { Partitions.Count: > 0 } partitioned)
            return;

        screen.Line();
        var table = new Table("PARTITION", "START", "SIZE", "TYPE", "NAME");
        foreach (var partition in partitioned.Partitions)
            table.Add($"{partition.Number}", partition.FirstLba.ToString(CultureInfo.InvariantCulture), Units.Bytes(partition.Bytes), partition.TypeName ?? partition.Type, partition.Name ?? "");
        table.Write(screen);
    }

    private static string Snapshots(Qcow2Facts qcow2)
    {
        var names = string.Join(", ", qcow2.Snapshots.Select(snapshot => snapshot.Name));
        var rest = qcow2.SnapshotCount - qcow2.Snapshots.Count;
        return rest > 0 ? $"{names} and {rest} more; not written" : $"{names}; not written";
    }

    public static void List(Screen screen, Image[] images, DateTimeOffset now)
    {
        if (images.Length == 0)
        {
            screen.Line("There are no images yet. 'conductor image sign' signs one, 'conductor image add' brings it here.");
            return;
        }
        var table = new Table("NAME", "VERSION", "RELEASE", "KIND", "ARCH", "FIRMWARE", "DISK", "FILE", "AGE");
        foreach (var image in images)
            table.Add(image.Name, image.Version, $"{image.Release}", image.Partition is null ? "disk" : "partition", image.Arch, string.Join(',', image.Firmware), Units.Bytes(image.DiskBytes), Units.Bytes(image.SourceBytes), Units.Age(now - image.Added));
        table.Write(screen);
    }

    public static void Show(Screen screen, Image image)
    {
        var sheet = new Sheet();
        sheet.Add("Image", $"{image.Name}:{image.Version}{(image.Release is { } release ? $", release {release}" : "")}");
        AddPartition(sheet, image.Partition?.FileSystem, image.Partition?.RootSha256, image.Partition?.KernelSha256, image.Partition?.RamdiskSha256, image.Partition?.KernelArguments);
        sheet.Add("Boots on", image.Firmware.Length == 0 ? "unknown" : $"{string.Join(", ", image.Firmware)}; {image.Arch}");
        sheet.Add("Format", image.Compression == "none" ? image.Format : $"{image.Format}, {image.Compression}");
        sheet.Add("Disk", Units.Bytes(image.DiskBytes));
        sheet.Add("File", Units.Bytes(image.SourceBytes));
        sheet.Add("Manifest", image.ManifestSha256);
        sheet.Add("Added", Units.Time(image.Added));
        sheet.Write(screen);
    }

    public static void Added(Screen screen, Image image)
    {
        screen.Line($"Added {image.Name}:{image.Version}.");
        if (image.Arch == ImagePredicate.AnyArch || image.Firmware.Length == 0)
        {
            screen.Line($"It cannot be deployed: its manifest does not say which {(image.Firmware.Length == 0 ? "firmware" : "architecture")} it is made for.");
            screen.Line("Sign it with --arch and --firmware, with a version of its own, and add that one.");
            return;
        }
        screen.Line($"Next: conductor deploy NODE --image {image.Name}:{image.Version} --wait");
    }

    // A whole disk is what images are unless something else is said.
    private static void AddPartition(Sheet sheet, string? fileSystem, string? root, string? kernel, string? ramdisk, string? arguments)
    {
        if (fileSystem is null)
            return;
        sheet.Add("Kind", $"a disk made of a root file system ({fileSystem}), its kernel and its ramdisk");
        sheet.Add("Root", root);
        sheet.Add("Kernel", kernel);
        sheet.Add("Ramdisk", ramdisk);
        sheet.Add("Arguments", arguments is { Length: > 0 } ? arguments : null);
    }

    private static string Times(double reads) => reads.ToString("0.0", CultureInfo.InvariantCulture) + " times";

    private static void Describe(Screen screen, ImagePredicate image, Digest manifest, double? sourceReads = null)
    {
        var sheet = new Sheet();
        sheet.Add("Image", $"{image.Name}:{image.Version}, release {image.Release}");
        AddPartition(sheet, image.Partition?.FileSystem, $"{image.Partition?.RootSha256}", $"{image.Partition?.KernelSha256}", $"{image.Partition?.RamdiskSha256}", image.Partition?.KernelArguments);
        sheet.Add("Boots on", image.Firmware.Length == 0 ? "unknown" : $"{string.Join(", ", image.Firmware)}; {image.Arch}");
        sheet.Add("Format", image.Source.Compression == "none" ? image.Source.Format : $"{image.Source.Format}, {image.Source.Compression}");
        sheet.Add("Disk", Units.Bytes(image.Disk.Size));
        sheet.Add("File", Units.Bytes(image.Source.Size));
        sheet.Add("A write", sourceReads is { } reads ? $"reads {reads.ToString("0.00", CultureInfo.InvariantCulture)} × the file" : null);
        sheet.Add("Until", image.NotAfter is { } notAfter ? Units.Time(notAfter) : null);
        sheet.Add("Manifest", manifest.ToString());
        sheet.Write(screen);
    }
}
