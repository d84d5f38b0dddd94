using System.CommandLine;
using Baremetal.Api;
using Baremetal.Api.Client;
using Baremetal.Cli.Display;
using Baremetal.Trust;

namespace Baremetal.Cli.Images;

/// <summary><c>conductor image add|list|show|remove</c>: the images that a conductor can deploy.</summary>
internal static class CatalogueCommands
{
    public static Verb Add()
    {
        var manifest = new Argument<string>("MANIFEST") { Description = "NAME.dsse.json, as 'conductor image sign' writes it." };
        var source = new Option<string>("--source") { HelpName = "FILE", Required = true, Description = "The image file that was signed." };
        var blobs = new Option<string>(IndexFiles.Option) { HelpName = "DIR", Description = "Where the indexes lie, if not beside the manifest." };
        return new Verb(
            "add",
            "Uploads a signed image: the file, its two indexes, and the manifest. What the conductor has already is not sent.",
            "conductor image add images/debian-12.dsse.json --source debian-12.qcow2",
            async (call, cancel) =>
            {
                var envelope = InputFile.Read(call.Require(manifest), "image manifest");
                var uploads = Uploads(envelope, call.Require(manifest), call.Require(source), call.Get(blobs));
                using var conductor = call.Connect();
                foreach (var (digest, path, what) in uploads)
                    await UploadAsync(call, conductor, digest, path, what, cancel);
                call.Show(await conductor.AddImageAsync(envelope, cancel), CliJson.Api.Image, ImageViews.Added);
                return ExitCodes.Done;
            })
        {
            manifest,
            source,
            blobs,
        };
    }

    public static Verb List() => new(
        "list",
        "Shows the images that can be deployed.",
        "conductor image list",
        async (call, cancel) =>
        {
            using var conductor = call.Connect();
            var images = await conductor.ListImagesAsync(cancel).ToArrayAsync(cancel);
            call.Show(new Page<Image>(images, null), CliJson.Api.PageImage, (screen, page) => ImageViews.List(screen, page.Items, call.Now));
            return ExitCodes.Done;
        });

    public static Verb Show()
    {
        var image = Name();
        return new Verb(
            "show",
            "Shows what the signed manifest of an image says.",
            "conductor image show debian-12:1",
            async (call, cancel) =>
            {
                using var conductor = call.Connect();
                call.Show(await conductor.GetImageAsync(call.Require(image), cancel), CliJson.Api.Image, ImageViews.Show);
                return ExitCodes.Done;
            })
        {
            image,
        };
    }

    public static Verb Remove()
    {
        var image = Name();
        return new Verb(
            "remove",
            "Removes an image from the catalogue. Disks that it was written to stay as they are.",
            "conductor image remove debian-12:1",
            async (call, cancel) =>
            {
                using var conductor = call.Connect();
                await conductor.RemoveImageAsync(call.Require(image), cancel);
                if (!call.WantsJson)
                    call.Out.Line($"Removed {call.Require(image)}; disks that it was written to stay as they are.");
                return ExitCodes.Done;
            })
        {
            image,
        };
    }

    private static Argument<string> Name() => new("IMAGE") { Description = "NAME or NAME:VERSION." };

    // Whether the manifest is trusted the conductor decides; here it only says what belongs to it.
    private static (Digest Digest, string Path, string What)[] Uploads(byte[] envelope, string manifestFile, string source, string? blobs)
    {
        if (!Envelope.TryRead(envelope, out _, out var payload, out var rejection) || !ImageManifest.TryParse(payload, out var manifest, out rejection))
            throw Failure.Refused(rejection with { Cause = $"{manifestFile}: {rejection.Cause}" });
        var image = manifest.Predicate;
        (Digest, string Path, string What)[] uploads =
        [
            (image.Disk.Index.Sha256, IndexFiles.PathOf(image.Disk.Index, manifestFile, blobs), "disk index"),
            (image.Source.Index.Sha256, IndexFiles.PathOf(image.Source.Index, manifestFile, blobs), "source index"),
            (manifest.SourceDigest, source, image.Name),
        ];
        foreach (var (_, path, what) in uploads)
        {
            if (!File.Exists(path))
                throw Failure.NotFound($"The file {path} ({what}) does not exist.", path == source ? null : $"It lies beside the manifest where the image was signed; copy it, or give {IndexFiles.Option} DIR.");
        }
        if (new FileInfo(source).Length is var length && length != image.Source.Size)
            throw Failure.Refused($"{source} has {length} bytes; {image.Source.Size} were signed.", "It was cut or belongs to another manifest.");
        return uploads;
    }

    private static async Task UploadAsync(Invocation call, ConductorClient conductor, Digest digest, string path, string what, CancellationToken cancel)
    {
        if (await conductor.HasBlobAsync(digest.ToString(), cancel))
            return;
        using var progress = call.WantsJson ? null : new LocalProgress(call.Out, $"Uploading {what}", new FileInfo(path).Length, call.Shell.Time);
        await conductor.UploadBlobAsync(digest.ToString(), path, progress, cancel);
    }
}
