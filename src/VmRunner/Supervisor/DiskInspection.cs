using System.CommandLine;
using System.Globalization;
using Baremetal.Imaging.Formats;
using Baremetal.Imaging.Inspection;

namespace Baremetal.VmRunner.Supervisor;

/// <summary>What a disk's own tables say of it.</summary>
/// <param name="Format">QEMU's name for it, <c>raw</c> or <c>qcow2</c>, or <see cref="DiskInspection.Iso"/>.</param>
/// <param name="Bytes">Of the disk that a guest sees.</param>
/// <param name="Refusal">Why it is not run, or null.</param>
internal sealed record DiskFacts(string Format, long Bytes, string? Refusal = null);

/// <summary>
/// <c>vm-runner inspect-disk</c>: a disk is looked through by our own parsers before QEMU opens it, since a qcow2 file can name other files for
/// QEMU to open. It is done by a child of the first process: what the parsers take of memory ends with it, and what a hostile file might do to
/// them is done to a process that may do nothing.
/// </summary>
internal static class DiskInspection
{
    /// <summary>A medium to boot from rather than a disk.</summary>
    public const string Iso = "iso";

    private const string Name = "inspect-disk";
    private const string RefusedWord = "refused";

    /// <summary>In this process.</summary>
    public static DiskFacts Of(string path)
    {
        try
        {
            if (IsIso(path))
                return new DiskFacts(Iso, new FileInfo(path).Length);
            var inspection = ImageInspection.Of(path);
            return inspection.Refused is { } why
                ? new DiskFacts("", 0, $"{why.Cause} {why.Remedy}".TrimEnd())
                : new DiskFacts(inspection.Format == ImageFormat.Raw.Name ? "raw" : "qcow2", inspection.DiskBytes!.Value);
        }
        catch (UnauthorizedAccessException)
        {
            return new DiskFacts("", 0, $"the user {QemuCommand.User}, as whom it is run, may not read it. Make it readable where the image is built: chmod a+r.");
        }
    }

    /// <summary>In a child of this program.</summary>
    public static DiskFacts ByChild(string path)
    {
        try
        {
            var said = Tools.Run("setpriv", [.. QemuCommand.Unprivileged([]), Environment.ProcessPath!, Name, path]).TrimEnd('\n').Split(' ', 2);
            return said[0] == RefusedWord ? new DiskFacts("", 0, said[1]) : new DiskFacts(said[0], long.Parse(said[1], CultureInfo.InvariantCulture));
        }
        catch (IOException e)
        {
            return new DiskFacts("", 0, $"it could not be looked through: {e.Message}");
        }
    }

    public static Command Command()
    {
        var path = new Argument<string>("FILE") { Description = "A disk." };
        var command = new Command(Name, "Says a disk's format and size in bytes, or why it is not run.") { path };
        command.Hidden = true;
        command.SetAction(parse =>
        {
            var facts = Of(parse.GetValue(path)!);
            Console.WriteLine(facts.Refusal is { } why ? $"{RefusedWord} {why.ReplaceLineEndings(" ")}" : string.Create(CultureInfo.InvariantCulture, $"{facts.Format} {facts.Bytes}"));
            return 0;
        });
        return command;
    }

    // An ISO that is also a disk (isohybrid) is a medium all the same: what it installs must go elsewhere.
    private static bool IsIso(string path)
    {
        const int DescriptorOffset = 32769; // ECMA-119 §8.1: sector 16, after a byte of type
        var signature = new byte[5];
        using var file = File.OpenHandle(path);
        return RandomAccess.Read(file, signature, DescriptorOffset) == signature.Length && signature.AsSpan().SequenceEqual("CD001"u8);
    }
}
