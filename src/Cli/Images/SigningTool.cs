using System.ComponentModel;
using System.Diagnostics;

namespace Baremetal.Cli.Images;

/// <summary>A program of Debian's that <c>image sign</c> runs.</summary>
/// <param name="Program">Its name.</param>
/// <param name="Package">What to install for it.</param>
internal sealed record SigningTool(string Program, string Package)
{
    public static readonly SigningTool QemuImg = new("qemu-img", "qemu-utils");
    public static readonly SigningTool Sgdisk = new("sgdisk", "gdisk");
    public static readonly SigningTool MkfsVfat = new("mkfs.vfat", "dosfstools");
    public static readonly SigningTool Mcopy = new("mcopy", "mtools");
    public static readonly SigningTool GrubMkimage = new("grub-mkimage", "grub-common");

    // They write files as well as disks, which needs no root: but Debian's users have these folders not in their path.
    private static readonly string[] Administrators = ["/usr/sbin", "/sbin"];

    /// <summary>Whether it is in the given path, or where an administrator would find it.</summary>
    public bool IsIn(string? path) => Find(path) is not null;

    /// <param name="path">As the variable has it.</param>
    /// <param name="what">What it was run for, for the error: <c>The image could not be rewritten</c>.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="cancel">Kills it.</param>
    public void Run(string? path, string what, string[] arguments, CancellationToken cancel)
    {
        var program = Find(path) ?? throw new Failure(ExitCodes.Failed, new($"{what}: {Program} is not installed.", $"Install the package {Package}."));
        var start = new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        // The same files shall make the same image, whenever and wherever it is signed: 1980 is the beginning of FAT's time.
        (start.Environment["SOURCE_DATE_EPOCH"], start.Environment["TZ"]) = ("315532800", "UTC");
        using var process = Start(start, what);
        using var stopped = cancel.Register(() => process.Kill(entireProcessTree: true));
        var said = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        var complained = process.StandardError.ReadToEnd();
        process.WaitForExit();
        cancel.ThrowIfCancellationRequested();
        if (process.ExitCode != 0)
            throw new Failure(ExitCodes.Failed, new($"{what}: {Program} ended with {process.ExitCode} ({(complained + said.GetAwaiter().GetResult()).Trim()}).", "Is there room where the result goes?"));
    }

    private string? Find(string? path) =>
        (path ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries).Concat(Administrators).Select(folder => Path.Combine(folder, Program)).FirstOrDefault(File.Exists);

    private static Process Start(ProcessStartInfo start, string what)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new Failure(ExitCodes.Failed, new($"{what}: {start.FileName} cannot be started: {e.Message}."));
        }
    }
}
