using Baremetal.Imaging.Signing;
using Baremetal.Trust;

namespace Baremetal.Bench;

/// <summary>
/// <c>bench.sh stream</c>: an image onto a disk. We read it over HTTP and verify every byte twice, as stored and as written; the peer reads a local file,
/// hashes it once and converts it with the fastest settings that it has.
/// </summary>
internal static class StreamBench
{
    private const string PeerName = "sha256sum, then qemu-img convert -W -m 16 -t none, from a local file";

    private static readonly (string Name, string Options)[] _cases =
    [
        ("qcow2-zlib", "-c"),
        ("qcow2-zstd", "-c -o compression_type=zstd"),
    ];

    public static void Run(string folder, int runs)
    {
        foreach (var (name, options) in _cases)
        {
            var image = BenchImage.Qcow2(folder, name, options);
            var documents = Sign(image, Path.Combine(folder, $"{name}.signed"));
            using var server = new FileServer(image);
            using var disk = new LoopDisk("4G");
            string[] write =
            [
                "write", "--manifest", Path.Combine(documents, "bench.dsse.json"), "--trust", Path.Combine(documents, "trust.dsse.json"),
                "--source", server.Address, "--target", disk.Device,
            ];
            var peer = $"sha256sum '{image}' > /dev/null; qemu-img convert -n -W -m 16 -t none -T none -O raw '{image}' {disk.Device}";

            // Not counted: afterwards both find the disk in the same state, and the file in the cache.
            Tool.TimeShell(peer);
            CheckWritten(Path.Combine(folder, "agent", "deploy-agent"), write, image, disk.Device);
            var (ours, theirs) = (new List<double>(), new List<double>());
            for (var run = 1; run <= runs; run++)
            {
                ours.Add(Tool.Time(Path.Combine(folder, "agent", "deploy-agent"), write).TotalSeconds);
                theirs.Add(Tool.TimeShell(peer).TotalSeconds);
                Console.Error.WriteLine($"bench: {name} run {run} of {runs}: {ours[^1]:0.00} s, peer {theirs[^1]:0.00} s");
            }
            Row.OfSeconds("stream", name, ours, PeerName, theirs).Print();
        }
    }

    // A fast write of the wrong bytes would be no result.
    private static void CheckWritten(string agent, string[] write, string image, string device)
    {
        Tool.Run(agent, write);
        Tool.Run("qemu-img", "compare", "-q", "-f", "qcow2", "-F", "raw", image, device);
    }

    private static string Sign(string image, string folder)
    {
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
        using var root = SigningKey.Create();
        using var key = SigningKey.Create();
        var (measured, rejection) = MeasuredImage.Measure(image, null, CancellationToken.None);
        if (measured is null)
            throw new InvalidOperationException($"The benchmark's own image is refused: {rejection}");
        ImageSigner.Sign(measured, new ImageStatement("bench", "1", 1, DateTimeOffset.UnixEpoch), key).SaveTo(folder);
        var trust = TrustDocument.First(root.Public, key.Public, DateTimeOffset.MaxValue);
        File.WriteAllBytes(Path.Combine(folder, "trust.dsse.json"), Envelope.Sign(TrustDocument.PayloadType, trust.ToPayload(), root));
        return folder;
    }
}
