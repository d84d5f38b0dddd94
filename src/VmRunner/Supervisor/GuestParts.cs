namespace Baremetal.VmRunner.Supervisor;

/// <summary>The files and descriptors of the container that its guest is put together from.</summary>
/// <param name="Disk">The guest's own.</param>
/// <param name="ConfigDrive">Or null.</param>
/// <param name="Discs">ISO images: the one to boot, then that with drivers, as far as there are any.</param>
/// <param name="Tap">Open already.</param>
/// <param name="Sockets">The folder for QEMU's sockets.</param>
/// <param name="Display">Where it listens.</param>
/// <param name="Groups">Those of the devices that QEMU opens.</param>
internal sealed record GuestParts(string Disk, string? ConfigDrive, IReadOnlyList<string> Discs, int Tap, string Sockets, string Display, IReadOnlyList<int> Groups);
