using System.CommandLine;
using Baremetal.Cli.Display;
using Baremetal.Cli.Keys;
using Baremetal.Imaging.Inspection;
using Baremetal.Imaging.Signing;
using Baremetal.Trust;

namespace Baremetal.Cli.Images;

/// <summary><c>conductor image sign|inspect|verify</c>: images as files, without a conductor.</summary>
internal static class ImageCommands
{
    public static Verb Sign()
    {
        var file = new Argument<string>("FILE") { Description = "The image: raw or qcow2." };
        var key = new Option<string[]>("--key") { HelpName = "FILE", Required = true, Description = "The image key, as 'conductor key new' makes it; given again where more than one has to sign." };
        var name = new Option<string>("--name") { HelpName = "NAME", Required = true, Description = "What deploys call the image: letters, digits and . _ + -, as in debian-12." };
        var to = new Option<string>("--out") { HelpName = "DIR", Required = true, Description = "Where NAME.dsse.json and the two indexes go; made if it is not there." };
        var version = new Option<string>("--version") { HelpName = "V", DefaultValueFactory = _ => "1", Description = "Of the image, for people; 1 if not given." };
        var release = new Option<ulong>("--release") { HelpName = "N", DefaultValueFactory = _ => 1, Description = "Only grows, so that old releases can be refused; 1 if not given." };
        var arch = new Option<string>("--arch") { HelpName = "ARCH", Description = "As uname -m has it, such as x86_64; else found in the boot loader." };
        var firmware = new Option<string>("--firmware") { HelpName = "bios,uefi", Description = "What it boots on; else found in the image." };
        var notAfter = new Option<string>("--not-after") { HelpName = "TIME", Description = "When it may no longer be written: a date, or a span such as 90d." };
        var rewrite = new Option<bool>("--rewrite") { Description = "First makes FILE.rewritten.qcow2 beside it, in the order in which it is written, and signs that (by qemu-img)." };
        var passphrases = Passphrases.Option();
        return new Verb(
            "sign",
            "Reads an image whole, and signs its digest and those of all its chunks. The file itself stays as it is.",
            """
            conductor image sign debian-12.qcow2 --key keys/image.key --name debian-12 \
              --out images
            """,
            (call, cancel) =>
            {
                var statement = new ImageStatement(
                    call.Require(name),
                    call.Require(version),
                    call.Get(release),
                    call.Now,
                    call.Get(arch),
                    FirmwareOf(call.Get(firmware)),
                    call.Get(notAfter) is { } time ? Moment.Parse(time, "--not-after", call.Now) : null);
                return Task.FromResult(Sign(call, call.Require(file), call.Get(rewrite), call.Require(key), Passphrases.Of(call, passphrases), call.Require(to), statement, cancel));
            })
        {
            file,
            key,
            name,
            to,
            version,
            release,
            arch,
            firmware,
            notAfter,
            rewrite,
            passphrases,
        };
    }

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

    private static int Sign(
        Invocation call, string file, bool rewrite, string[] keyFiles, Func<string, IEnumerable<byte[]>> passphrases, string to, ImageStatement statement, CancellationToken cancel)
    {
        // All that can be refused is, before minutes go into hashing.
        foreach (var (option, given) in new[] { ("--name", statement.Name), ("--version", statement.Version) })
        {
            if (!ImageName.IsValid(given))
                throw Failure.WrongUsage($"{option} '{given}' cannot be used.", "It may have letters, digits and . _ + -, at most 100, and begins with none of . and -.");
        }
        if (statement.Arch is { } arch && !BootModes.KnownArchitectures.Contains(arch))
            throw Failure.WrongUsage($"--arch '{arch}' is not known.", $"Give {string.Join(", ", BootModes.KnownArchitectures)}: as 'uname -m' says it on the machine.");
        using var keys = PrivateKeys.Load(keyFiles, passphrases);
        var manifest = $"{statement.Name}.dsse.json";
        NewFiles.Require(to, manifest);
        file = rewrite ? Rewriting.Rewrite(Existing(file), cancel) : Existing(file);
        var (measured, rejection) = Measure(call, file, cancel);
        if (measured is null)
            throw Failure.Refused(rejection!);
        var signed = ImageSigner.Sign(measured, statement, [.. keys]);
        NewFiles.Write(
            to,
            [
                .. IndexesOf(signed).Where(index => !IsThere(to, index.Name)).Select(index => (index.Name, (Action<string>)(path => NewFiles.WritePublic(path, index.Content)))),
                (manifest, path => NewFiles.WritePublic(path, signed.Envelope)),
            ]);
        call.Show(new ImageReport(Path.Combine(to, manifest), Digest.Of(signed.Manifest.ToPayload()), file, signed.Manifest.Predicate, Math.Round(measured.SourceReads, 2)), CliJson.Default.ImageReport, ImageViews.Signed);
        return ExitCodes.Done;
    }

    private static (MeasuredImage? Image, Rejection? Rejection) Measure(Invocation call, string file, CancellationToken cancel)
    {
        LocalProgress? progress = null;
        try
        {
            return MeasuredImage.Measure(file, call.WantsJson ? null : (done, total) => LazyInitializer.EnsureInitialized(ref progress, () => new LocalProgress(call.Out, "Hashing", total, call.Shell.Time)).Report(done), cancel);
        }
        finally
        {
            progress?.Dispose();
        }
    }

    private static IEnumerable<(string Name, byte[] Content)> IndexesOf(SignedImage signed) => new[]
    {
        (IndexFiles.NameOf(signed.Manifest.Predicate.Disk.Index), signed.DiskIndex),
        (IndexFiles.NameOf(signed.Manifest.Predicate.Source.Index), signed.SourceIndex),
    }.DistinctBy(index => index.Item1);

    // An index is named after its content: the same bytes signed once more bring the same.
    private static bool IsThere(string directory, string name)
    {
        var path = Path.Combine(directory, name);
        if (!File.Exists(path))
            return false;
        using var content = File.OpenRead(path);
        return $"{Digest.Of(content)}.index" == name;
    }

    private static string[]? FirmwareOf(string? text)
    {
        if (text is null)
            return null;
        var modes = text.Split(',', StringSplitOptions.TrimEntries);
        return modes.All(mode => mode is "bios" or "uefi") && modes.Distinct().Count() == modes.Length
            ? modes
            : throw Failure.WrongUsage($"--firmware '{text}' is not known.", "Give bios, uefi, or bios,uefi.");
    }

    private static string Existing(string file) =>
        File.Exists(file) ? file
        : Directory.Exists(file) ? throw Failure.Refused($"The image {file} is a directory.", "Name the image file in it.")
        : throw Failure.NotFound($"The image {file} does not exist.");
}
