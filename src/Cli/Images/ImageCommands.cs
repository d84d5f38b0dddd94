using System.CommandLine;
using Baremetal.Imaging.Inspection;

namespace Baremetal.Cli.Images;

/// <summary><c>conductor image inspect|verify</c>: images as files, without a conductor.</summary>
internal static class ImageCommands
{
    public static Verb Inspect()
    {
        var file = new Argument<string>("FILE") { Description = "The image." };
        return new Verb(
            "inspect",
            "Shows what an image file is, what it boots on, and whether it can be written; nothing in it is executed.",
            "conductor image inspect debian-12.qcow2",
            (call, _) =>
            {
                var found = ImageInspection.Of(Existing(call.Require(file)));
                call.Show(found, CliJson.Default.ImageInspection, ImageViews.Inspection);
                return Task.FromResult(found.Refused is null ? ExitCodes.Done : ExitCodes.Refused);
            })
        {
            file,
        };
    }

    public static Verb Verify()
    {
        var manifest = new Argument<string>("MANIFEST") { Description = "NAME.dsse.json, as 'conductor image sign' writes it." };
        var file = new Argument<string>("FILE") { Arity = ArgumentArity.ZeroOrOne, Description = "The image file, to check each of its chunks too." };
        var trust = new Option<string[]>("--trust") { HelpName = "FILE", Required = true, Description = "The trust document; given again for all its versions, oldest first." };
        var blobs = new Option<string>(IndexFiles.Option) { HelpName = "DIR", Description = "Where the indexes lie, if not beside the manifest." };
        return new Verb(
            "verify",
            "Checks an image as an agent would before it writes it: signature, trust, life, indexes, and the file if it is given.",
            """
            conductor image verify images/debian-12.dsse.json debian-12.qcow2 \
              --trust keys/trust.dsse.json
            """,
            (call, cancel) =>
            {
                var report = ImageVerification.Verify(call, call.Require(manifest), call.Require(trust), call.Get(blobs), call.Get(file), cancel);
                call.Show(report, CliJson.Default.ImageReport, ImageViews.Verified);
                return Task.FromResult(ExitCodes.Done);
            })
        {
            manifest,
            file,
            trust,
            blobs,
        };
    }

    /// <summary>The file, if there is one; throws if not.</summary>
    public static string Existing(string file) =>
        File.Exists(file) ? file
        : Directory.Exists(file) ? throw Failure.Refused($"The image {file} is a directory.", "Name the image file in it.")
        : throw Failure.NotFound($"The image {file} does not exist.");
}
