using System.Formats.Tar;
using System.Security.Cryptography;
using Baremetal.Trust;

namespace Baremetal.Conductor.VmImages;

/// <summary>
/// The one layer of a VM's image: a tar archive with the disk in <c>/disk</c>, where KubeVirt looks for it as well. It is not kept: what it holds is a blob
/// already, and the archive is written around it each time, byte for byte the same.
/// </summary>
internal static class VmImageLayer
{
    private const string Folder = "disk/";

    // Whom KubeVirt and our own containers run QEMU as.
    private const int Owner = 107;

    private const int Block = 512;

    /// <summary>Of the archive around a disk of this size: two headers before it, two empty blocks behind it.</summary>
    public static long LengthFor(long disk) => 2 * Block + (disk + Block - 1) / Block * Block + 2 * Block;

    /// <param name="destination">Need not be able to seek.</param>
    /// <param name="disk">The blob.</param>
    /// <param name="format"><c>qcow2</c> or <c>raw</c>: how the disk's file is called after <c>disk.</c></param>
    /// <param name="cancel">Leaves it cut off.</param>
    public static async Task WriteAsync(Stream destination, FileInfo disk, string format, CancellationToken cancel)
    {
        // GNU's: sizes above 8 GiB without a header more, and nothing in it that differs from one writing to the next.
        await using var tar = new TarWriter(destination, TarEntryFormat.Gnu, leaveOpen: true);
        await tar.WriteEntryAsync(Entry(new GnuTarEntry(TarEntryType.Directory, Folder), UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute), cancel);
        await using var content = new FileStream(disk.FullName, new FileStreamOptions { Access = FileAccess.Read, Share = FileShare.Read | FileShare.Delete, BufferSize = 0, Options = FileOptions.Asynchronous | FileOptions.SequentialScan });
        var file = new GnuTarEntry(TarEntryType.RegularFile, $"{Folder}disk.{format}") { DataStream = content };
        await tar.WriteEntryAsync(Entry(file, UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead), cancel);
    }

    public static async Task<Digest> DigestAsync(FileInfo disk, string format, CancellationToken cancel)
    {
        using var sha = SHA256.Create();
        await using (var hashing = new CryptoStream(Stream.Null, sha, CryptoStreamMode.Write))
            await WriteAsync(hashing, disk, format, cancel);
        return new Digest(sha.Hash!);
    }

    private static GnuTarEntry Entry(GnuTarEntry entry, UnixFileMode mode)
    {
        (entry.Mode, entry.Uid, entry.Gid, entry.ModificationTime) = (mode, Owner, Owner, DateTimeOffset.UnixEpoch);
        return entry;
    }
}
