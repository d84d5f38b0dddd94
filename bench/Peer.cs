namespace Baremetal.Bench;

/// <summary>Another way to get the image onto a disk: a shell script that any operator could run.</summary>
/// <param name="Name">What it does, in words.</param>
/// <param name="Script">Runs to the point at which all is on the disk.</param>
/// <param name="WritesZeros">Whether it writes zeros as data; it gets a disk without holes then.</param>
internal sealed record Peer(string Name, Func<PeerInput, string> Script, bool WritesZeros = false)
{
    // As its documentation recommends for speed: many requests, in any order, past the page cache of the disk.
    private const string Tuned = "qemu-img convert -n -W -m 16 -t none -O raw";

    public static readonly Peer EqualWork = new(
        "sha256sum, then qemu-img convert -W -m 16 -t none, from a local file",
        input => $"sha256sum '{input.File}' >/dev/null; {Tuned} '{input.File}' {input.Device}");

    public static readonly Peer Unchecked = new(
        "qemu-img convert -W -m 16 -t none, from a local file, nothing checked",
        input => $"{Tuned} '{input.File}' {input.Device}");

    public static readonly Peer Ironic = new(
        "the Ironic way: curl to tmpfs, sha256sum, qemu-img convert -t directsync -S 0 -W",
        input => $"""
            curl -fsS -o '{input.Scratch}/image' {input.Url}
            sha256sum '{input.Scratch}/image' >/dev/null
            qemu-img convert -n -t directsync -S 0 -W -O host_device '{input.Scratch}/image' {input.Device}
            rm '{input.Scratch}/image'
            """,
        WritesZeros: true);

    public static readonly Peer NbdCopyQcow2 = new(
        "nbdcopy from qemu-nbd, from a local file, nothing checked",
        input => $"nbdcopy --flush -- [ qemu-nbd --read-only --persistent --shared=16 -f qcow2 '{input.File}' ] {input.Device}");

    public static readonly Peer NbdCopyHttp = new(
        "nbdcopy from nbdkit's curl plugin, nothing checked",
        input => $"nbdcopy --flush -- [ nbdkit --exit-with-parent curl {input.Url} ] {input.Device}");

    public static readonly Peer CurlDd = new(
        "curl | dd, nothing checked",
        input => $"curl -fsS {input.Url} | dd of={input.Device} bs=4M iflag=fullblock oflag=direct conv=fsync status=none",
        WritesZeros: true);

    public static readonly Peer CurlZstdDd = new(
        "curl | zstd -d | dd of the raw disk, nothing checked",
        input => $"curl -fsS {input.RawZstdUrl} | zstd -dcq | dd of={input.Device} bs=4M iflag=fullblock oflag=direct conv=fsync status=none",
        WritesZeros: true);

    public static readonly Peer BmapTool = new(
        "bmaptool copy, which leaves what was in the holes",
        input => $"bmaptool -q copy --bmap '{input.BlockMap}' {input.Url} {input.Device} && sync {input.Device}");
}

/// <summary>What a peer is given.</summary>
/// <param name="File">The image, in this machine's page cache.</param>
/// <param name="Url">The same over HTTP.</param>
/// <param name="RawZstdUrl">The raw disk, compressed by zstd as a whole.</param>
/// <param name="BlockMap">Of the raw disk, for bmaptool.</param>
/// <param name="Scratch">Room in memory.</param>
/// <param name="Device">The disk to write.</param>
internal sealed record PeerInput(string File, string Url, string RawZstdUrl, string BlockMap, string Scratch, string Device);
