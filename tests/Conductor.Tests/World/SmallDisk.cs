using System.Diagnostics;

namespace Baremetal.Conductor.Tests.World;

/// <summary>A file system of its own, in memory, that can be filled and made read-only.</summary>
internal sealed class SmallDisk : IDisposable
{
    private readonly TempFolder _folder = new();

    public SmallDisk(int mebibytes) => Run("mount", "-t", "tmpfs", "-o", $"size={mebibytes}m,mode=700", "baremetal-test", Path);

    public string Path => _folder.Path;

    private string Filling => System.IO.Path.Combine(Path, "filling");

    /// <summary>To the last byte, or so that so many are left.</summary>
    public void Fill(long leave = 0)
    {
        using var file = new FileStream(Filling, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        var piece = new byte[4096];
        try
        {
            while (leave == 0 || new DriveInfo(Path).AvailableFreeSpace > leave)
                file.Write(piece);
        }
        catch (IOException)
        {
            // Which is what was wanted.
        }
    }

    public void MakeRoom() => File.Delete(Filling);

    public void MakeReadOnly() => Run("mount", "-o", "remount,ro", Path);

    public void Dispose()
    {
        Run("umount", "--lazy", Path);
        _folder.Dispose();
    }

    private static void Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, UseShellExecute = false })!;
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: {errors}");
    }
}
