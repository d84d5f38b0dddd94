namespace Baremetal.Bench;

/// <summary>One image in one format, onto one kind of target, and who else can do that.</summary>
/// <param name="Name">Of the case.</param>
/// <param name="Options">For <c>qemu-img convert -O qcow2</c>; null leaves it raw.</param>
/// <param name="Peers">Run in turn with us.</param>
/// <param name="OntoFile">Onto a file of an ext4 instead of a disk.</param>
internal sealed record StreamCase(string Name, string? Options, Peer[] Peers, bool OntoFile = false)
{
    public static readonly StreamCase[] All =
    [
        new("qcow2-zlib", "-c", [Peer.EqualWork, Peer.Unchecked, Peer.Ironic, Peer.NbdCopyQcow2]),
        new("qcow2-zstd", "-c -o compression_type=zstd", [Peer.EqualWork, Peer.Unchecked, Peer.Ironic, Peer.CurlZstdDd]),
        new("qcow2-plain", "", [Peer.EqualWork, Peer.Unchecked, Peer.Ironic]),
        new("raw", null, [Peer.CurlDd, Peer.BmapTool, Peer.NbdCopyHttp]),
        new("qcow2-zlib to a file", "-c", [Peer.EqualWork], OntoFile: true),
    ];
}
