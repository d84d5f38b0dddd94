using System.Globalization;
using System.Text.Json;
using Baremetal.Imaging.Signing;
using Baremetal.Imaging.Streaming;
using Baremetal.Trust;

namespace Baremetal.Bench;

/// <summary>
/// <c>bench.sh stream</c>: an image onto a disk. We read it over HTTP and verify every byte twice, as stored and as written; what each peer
/// does is in its name. All take turns, on disks of memory whose holes lie where the image's zeros are; who writes zeros as data gets one
/// without holes.
/// </summary>
internal sealed class StreamBench : IDisposable
{
    private readonly string _agent;
    private readonly string _name;
    private readonly string _image;
    private readonly long _diskSize;
    private readonly string _documents;
    private readonly VerifiedImage _verified;
    private readonly Peer[] _peers;
    private readonly MemoryFolder _memory;
    private readonly MemoryDisk _disk;
    private readonly MemoryDisk _fullDisk;
    private readonly MemoryFile? _file;
    private readonly WebServer _server;
    private readonly StreamLimits _limits;
    private readonly string _target;

    private StreamBench(StreamCase stream, string folder)
    {
        (_name, _peers) = (stream.Name, stream.Peers);
        _agent = Path.Combine(folder, "agent", "deploy-agent");
        var raw = BenchImage.Raw(folder);
        _diskSize = new FileInfo(raw).Length;
        _image = stream.Options is null ? raw : BenchImage.Qcow2(folder, stream.Name.Split(' ')[0], stream.Options);
        _documents = Path.Combine(folder, "signed");
        _verified = Sign(_image, _documents);
        _memory = new MemoryFolder(Path.Combine(folder, "memory"));
        _disk = new MemoryDisk(_memory, "disk", _diskSize);
        _fullDisk = new MemoryDisk(_memory, "full-disk", _diskSize);
        _fullDisk.Fill();
        _file = stream.OntoFile ? new MemoryFile(_memory, Path.Combine(folder, "ext4"), _diskSize) : null;
        _target = _file?.Path ?? _disk.Device;
        _server = new WebServer(folder);
        _limits = new StreamLimits(_verified, _image, _server.AddressOf(_image), _disk.Device);
        Input = new PeerInput(_image, _server.AddressOf(_image), _server.AddressOf(BenchImage.RawZstd(folder)), BenchImage.BlockMap(folder), _memory.Path, _target);
    }

    private PeerInput Input { get; }

    public static void Run(string folder, int runs)
    {
        foreach (var stream in StreamCase.All)
        {
            using var bench = new StreamBench(stream, folder);
            bench.Run(runs);
        }
    }

    public void Dispose()
    {
        _server.Dispose();
        _file?.Dispose();
        _fullDisk.Dispose();
        _disk.Dispose();
        _memory.Dispose();
    }

    private void Run(int runs)
    {
        // Not counted: afterwards all find the disk in the same state, and the image in the page cache.
        foreach (var peer in _peers)
            Write(peer);
        _ = Write();
        Check();

        var (ours, again, limits, reading) = (new List<double>(), new List<double>(), new List<LimitCosts>(), new List<double>());
        var theirs = _peers.ToDictionary(peer => peer, _ => new List<double>());
        AgentFigures figures = null!;
        for (var run = 1; run <= runs; run++)
        {
            foreach (var peer in _peers)
                theirs[peer].Add(Cost.Of(() => Write(peer)).Seconds);
            limits.Add(_limits.Measure());
            var cost = Cost.Of(() => figures = Write());
            ours.Add(cost.Seconds);
            reading.Add(_limits.MeasureReading().Seconds);
            again.Add(Cost.Of(() => Write("--reuse")).Seconds);
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"bench: {_name} {run}/{runs}: {cost.Seconds:0.00} s with {cost.ProcessorSeconds:0.00} s of processors, limit {limits[^1].Sum:0.00} s; peers {string.Join(", ", theirs.Values.Select(times => $"{times[^1]:0.00}"))} s; again {again[^1]:0.00} s, limit {reading[^1]:0.00} s"));
        }

        var sum = limits.ConvertAll(limit => limit.Sum);
        foreach (var peer in _peers)
            Row.OfSeconds("stream", _name, ours, peer.Name, theirs[peer], sum).Print();
        if (_file is not null)
            return;
        Row.OfSecondsToLimit("stream", $"{_name}, limit: processor time of all parts over the cores", ours, sum).Print();
        Row.OfSecondsToLimit("stream", $"{_name}, limit: curl to nothing", ours, limits.ConvertAll(limit => limit.Receive.Seconds)).Print();
        Row.OfSecondsToLimit("stream", $"{_name}, limit: decoding alone", ours, limits.ConvertAll(limit => limit.Decode.Seconds)).Print();
        Row.OfSecondsToLimit("stream", $"{_name}, limit: hashing alone", ours, limits.ConvertAll(limit => limit.Hash.Seconds)).Print();
        Row.OfSecondsToLimit("stream", $"{_name}, limit: writing alone", ours, limits.ConvertAll(limit => limit.Write.Seconds)).Print();
        Row.OfSecondsToLimit("stream", $"{_name} again, limit: reading and hashing the disk", again, reading).Print();
        Row.OfBytesToLimit("stream", $"{_name}, on the wire", figures.WireBytes, _limits.SourceBytes).Print();
        Row.OfBytesToLimit("stream", $"{_name}, the agent's memory at most", figures.PeakMemoryBytes, null).Print();
    }

    private AgentFigures Write(params ReadOnlySpan<string> more)
    {
        var output = Tool.Run(_agent,
        [
            "write", "--progress", "json", "--manifest", Path.Combine(_documents, "bench.dsse.json"), "--trust", Path.Combine(_documents, "trust.dsse.json"),
            "--source", Input.Url, "--target", _target, .. more,
        ]);
        return JsonSerializer.Deserialize(output.Split('\n')[^1], AgentJson.Default.AgentFigures)!;
    }

    private void Write(Peer peer) => Tool.RunShell(peer.Script(peer.WritesZeros ? Input with { Device = _fullDisk.Device } : Input));

    // A fast write of the wrong bytes would be no result.
    private void Check() => Tool.Run("qemu-img", "compare", "-q", "-F", "raw", _image, _target);

    private static VerifiedImage Sign(string image, string folder)
    {
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
        using var root = SigningKey.Create();
        using var key = SigningKey.Create();
        var (measured, rejection) = MeasuredImage.Measure(image, null, CancellationToken.None);
        if (measured is null)
            throw new InvalidOperationException($"The benchmark's own image is refused: {rejection}");
        var signed = ImageSigner.Sign(measured, new ImageStatement("bench", "1", 1, DateTimeOffset.UnixEpoch), key);
        signed.SaveTo(folder);
        var trust = TrustDocument.First(root.Public, key.Public, DateTimeOffset.MaxValue);
        File.WriteAllBytes(Path.Combine(folder, "trust.dsse.json"), Envelope.Sign(TrustDocument.PayloadType, trust.ToPayload(), root));
        return new VerifiedImage(signed.Manifest, measured.Disk, measured.Source);
    }
}
