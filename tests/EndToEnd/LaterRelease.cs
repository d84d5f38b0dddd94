using Baremetal.Lab;

namespace Baremetal.EndToEnd;

/// <summary>The tiny image for real servers, released again: one byte of a file in it is another.</summary>
internal static class LaterRelease
{
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(2);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Signs it as version and release 2 of the site's image, which is release 1, and adds it to the catalogue.</summary>
    public static async Task AddAsync(Site site)
    {
        var image = site.Image;
        var folder = Directory.CreateDirectory(Path.Combine(site.Lan.Folder, "release-2")).FullName;
        var (raw, qcow2) = (Path.Combine(folder, "disk.raw"), Path.Combine(folder, "disk.qcow2"));
        await File.WriteAllBytesAsync(raw, SayingTwo(await File.ReadAllBytesAsync(BuildOutputs.TinyServerRawImage, Cancel)), Cancel);
        await using (var convert = site.Lan.Conductor.Start("qemu-img", ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-c", raw, qcow2]))
            Assert.Equal(0, await convert.WaitForExitAsync(Bound, Cancel));

        await site.Conductor.RunAsync(
            ["image", "sign", qcow2, "--key", Path.Combine(image.KeyFolder, "image.key"), "--name", image.Name, "--version", "2", "--release", "2", "--out", folder], Cancel);
        await site.Conductor.RunAsync(["image", "add", Path.Combine(folder, $"{image.Name}.dsse.json"), "--source", qcow2], Cancel);
    }

    // What its start script says; the file system has no checksums of what files hold.
    private static byte[] SayingTwo(byte[] disk)
    {
        var said = "release=1"u8;
        var at = disk.AsSpan().IndexOf(said);
        Assert.True(at >= 0 && disk.AsSpan(at + 1).IndexOf(said) < 0, $"{BuildOutputs.TinyServerRawImage} does not say its release in one place.");
        disk[at + said.Length - 1] = (byte)'2';
        return disk;
    }
}
