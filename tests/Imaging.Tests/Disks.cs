namespace Baremetal.Imaging.Tests;

/// <summary>A disk as firmware sees it.</summary>
internal static class Disks
{
    /// <summary>
    /// Whether firmware would find anything: BIOS starts LBA 0 if it has its signature; UEFI looks at a GPT only behind a protective MBR, which needs
    /// the same signature.
    /// </summary>
    public static bool Boots(ReadOnlySpan<byte> disk) => disk[510] == 0x55 && disk[511] == 0xaa;
}
