using System.CommandLine;
using Baremetal.Cli.Display;
using Baremetal.Cli.Keys;
using Baremetal.Imaging.Inspection;
using Baremetal.Imaging.Signing;
using Baremetal.Trust;

namespace Baremetal.Cli.Images;

/// <summary><c>conductor image sign</c>: an image, or what makes one, becomes a signed image.</summary>
internal static class SignCommand
{
    public static Verb Create()
    {
        var file = new Argument<string>("FILE") { Description = "The image: raw or qcow2; of a whole disk, or with --kernel and --ramdisk of a root file system." };
        var key = new Option<string[]>("--key") { HelpName = "FILE", Required = true, Description = "The image key, as 'conductor key new' makes it; given again where more than one has to sign." };
        var name = new Option<string>("--name") { HelpName = "NAME", Required = true, Description = "What deploys call the image: letters, digits and . _ + -, as in debian-12." };
        var to = new Option<string>("--out") { HelpName = "DIR", Required = true, Description = "Where NAME.dsse.json and the two indexes go; made if it is not there." };
        var version = new Option<string>("--version") { HelpName = "V", DefaultValueFactory = _ => "1", Description = "Of the image, for people; 1 if not given." };
        var release = new Option<ulong>("--release") { HelpName = "N", DefaultValueFactory = _ => 1, Description = "Only grows, so that old releases can be refused; 1 if not given." };
        var arch = new Option<string>("--arch") { HelpName = "ARCH", Description = "As uname -m has it, such as x86_64; else found in the boot loader." };
        var firmware = new Option<string>("--firmware") { HelpName = "bios,uefi", Description = "What it boots on; else found in the image." };
        var notAfter = new Option<string>("--not-after") { HelpName = "TIME", Description = "When it may no longer be written: a date, or a span such as 90d." };
        var rewrite = new Option<bool>("--rewrite") { Description = "First makes FILE.rewritten.qcow2 beside it, in the order in which it is written, and signs that (by qemu-img)." };
        var kernel = new Option<string>("--kernel") { HelpName = "FILE", Description = "For a partition image: the kernel of its /boot. Makes NAME.qcow2 in DIR, a disk that boots, and signs that." };
        var ramdisk = new Option<string>("--ramdisk") { HelpName = "FILE", Description = "For a partition image: the initial ramdisk of that kernel." };
        var arguments = new Option<string>("--kernel-args") { HelpName = "ARGUMENTS", Description = "For a partition image: added to its kernel's command line, such as 'console=ttyS0,115200n8'." };
        var passphrases = Passphrases.Option();
        return new Verb(
            "sign",
            "Reads an image whole, and signs its digest and those of all its chunks. The file itself stays as it is.",
            """
            conductor image sign debian-12.qcow2 --key keys/image.key --name debian-12 \
              --out images
            conductor image sign root.ext4 --kernel vmlinuz --ramdisk initrd.img \
              --key keys/image.key --name debian-12-root --out images
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
                var boot = BootFiles.Read(call.Get(kernel), call.Get(ramdisk), call.Get(arguments));
                if (boot is not null && call.Get(rewrite))
                    throw Failure.WrongUsage("--rewrite is given with --kernel.", "Leave it out: the disk that is made of a partition image is in the right order.");
                return Task.FromResult(Sign(call, call.Require(file), call.Get(rewrite), boot, call.Require(key), Passphrases.Of(call, passphrases), call.Require(to), statement, cancel));
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
            kernel,
            ramdisk,
            arguments,
            passphrases,
        };
    }

    private static int Sign(
        Invocation call, string file, bool rewrite, BootFiles? boot, string[] keyFiles, Func<string, IEnumerable<byte[]>> passphrases, string to, ImageStatement statement, CancellationToken cancel)
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
        NewFiles.Require(to, $"{statement.Name}.dsse.json");
        var found = ImageInspection.Of(ImageCommands.Existing(file));
        BootFiles.RequireFit(boot, file, found);
        return boot is null
            ? SignDisk(call, rewrite ? Rewriting.Rewrite(call, file, cancel) : file, [.. keys], to, statement, madeDisk: null, cancel)
            : SignComposed(call, boot, file, found, [.. keys], to, statement, cancel);
    }

    // The disk is made where it will stay, beside its documents, and appears there with them.
    private static int SignComposed(
        Invocation call, BootFiles boot, string file, ImageInspection found, SigningKey[] keys, string to, ImageStatement statement, CancellationToken cancel)
    {
        var disk = $"{statement.Name}.qcow2";
        NewFiles.Require(to, disk);
        ComposedDisk.RequireTools(call.Shell);
        var folder = NewFiles.MakeFolder(Path.Combine(to, $".composing-{Guid.NewGuid():N}"));
        try
        {
            var made = Path.Combine(folder, disk);
            var partition = ComposedDisk.Make(call.Shell, boot, file, found, folder, made, cancel);
            return SignDisk(call, made, keys, to, statement with { Partition = partition }, Path.Combine(to, disk), cancel);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <param name="madeDisk">Where a disk that was made here goes, when it is signed.</param>
    private static int SignDisk(
        Invocation call, string file, SigningKey[] keys, string to, ImageStatement statement, string? madeDisk, CancellationToken cancel)
    {
        var (measured, rejection) = Measure(call, file, cancel);
        if (measured is null)
            throw Failure.Refused(rejection!);
        var signed = ImageSigner.Sign(measured, statement, keys);
        var manifest = $"{statement.Name}.dsse.json";
        (string, Action<string>)[] disk = madeDisk is null ? [] : [(Path.GetFileName(madeDisk), path => File.Move(file, path))];
        NewFiles.Write(
            to,
            [
                .. disk,
                .. IndexesOf(signed).Where(index => !IsThere(to, index.Name)).Select(index => (index.Name, (Action<string>)(path => NewFiles.WritePublic(path, index.Content)))),
                (manifest, path => NewFiles.WritePublic(path, signed.Envelope)),
            ]);
        call.Show(new ImageReport(Path.Combine(to, manifest), Digest.Of(signed.Manifest.ToPayload()), madeDisk ?? file, signed.Manifest.Predicate, Math.Round(measured.SourceReads, 2)), CliJson.Default.ImageReport, ImageViews.Signed);
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
}
