using System.Security.Cryptography;
using Baremetal.Imaging.Formats;
using Baremetal.Imaging.Inspection;
using Baremetal.Imaging.Native;
using Baremetal.Imaging.Streaming;
using Baremetal.Imaging.Targets;

namespace Baremetal.Bench;

/// <summary>
/// What no program could do without, each part alone and on all cores: to receive the image, to hash it as stored and as written, to decode it,
/// to write it. The sum of their processor time over the cores is the limit of a program that verifies both.
/// </summary>
internal sealed class StreamLimits
{
    private readonly VerifiedImage _image;
    private readonly string _url;
    private readonly string _device;
    private readonly byte[] _file;
    private readonly List<Extent> _compressed = [];

    public StreamLimits(VerifiedImage image, string file, string url, string device)
    {
        (_image, _url, _device) = (image, url, device);
        using var opened = OpenedImage.Open(file, (_, _) => true, CancellationToken.None);
        var extents = new List<Extent>();
        foreach (var chunk in DataChunks())
        {
            extents.Clear();
            opened.Image.Map(image.Disk.Layout.OffsetOf(chunk), image.Disk.Layout.LengthOf(chunk), extents);
            _compressed.AddRange(extents.Where(extent => extent.Codec != Codec.Plain));
        }
        // Only what has to be decoded is read here; an image that has nothing may be larger than an array.
        _file = _compressed.Count > 0 ? File.ReadAllBytes(file) : [];
    }

    /// <summary>Bytes of the image file in chunks that are not all zeros.</summary>
    public long SourceBytes => Enumerable.Range(0, _image.Source.Count).Where(chunk => !_image.Source.IsZero(chunk)).Sum(chunk => (long)_image.Source.Layout.LengthOf(chunk));

    /// <summary>Bytes of the disk in chunks that are not all zeros.</summary>
    public long DiskBytes => DataChunks().Sum(chunk => (long)_image.Disk.Layout.LengthOf(chunk));

    public LimitCosts Measure() => new(Cost.Of(Receive), Cost.Of(Hash), Cost.Of(Decode), Cost.Of(Write));

    /// <summary>Reads the whole disk and hashes it: what a redeploy cannot do without.</summary>
    public Cost MeasureReading() => Cost.Of(() =>
    {
        using var disk = Open();
        OnAllCores<int>(() =>
        {
            var buffer = new AlignedBuffer(_image.Disk.Layout.ChunkSize);
            return chunk =>
            {
                var bytes = buffer.Span[.._image.Disk.Layout.LengthOf(chunk)];
                disk.Read(_image.Disk.Layout.OffsetOf(chunk), bytes);
                _ = SHA256.HashData(bytes);
            };
        }, Enumerable.Range(0, _image.Disk.Count).ToArray());
    });

    private IEnumerable<int> DataChunks() => Enumerable.Range(0, _image.Disk.Count).Where(chunk => !_image.Disk.IsZero(chunk));

    private void Receive() => Tool.Run("curl", "-fsS", "-o", "/dev/null", "-r", $"0-{SourceBytes - 1}", _url);

    private void Hash()
    {
        var megabytes = (int)((SourceBytes + DiskBytes) >> 20);
        OnAllCores<int>(() =>
        {
            var buffer = new byte[1 << 20];
            return _ => SHA256.HashData(buffer);
        }, new int[megabytes]);
    }

    private void Decode() => OnAllCores<Extent>(() =>
    {
        var output = new byte[2 << 20];
        var (deflate, zstd) = (LibDeflate.Create(), LibZstd.Create());
        return extent =>
        {
            var input = _file.AsSpan((int)extent.Source, extent.SourceLength);
            var cluster = output.AsSpan(0, extent.Length);
            if (extent.Codec == Codec.Deflate ? !deflate.TryDecompress(input, cluster) : !zstd.TryDecompress(input, cluster))
                throw new InvalidOperationException("A cluster of the benchmark's own image does not decode.");
        };
    }, _compressed.ToArray());

    private void Write()
    {
        using var disk = Open();
        var layout = _image.Disk.Layout;
        OnAllCores<int>(() =>
        {
            var buffer = new AlignedBuffer(layout.ChunkSize, zeroed: true);
            return chunk =>
            {
                if (_image.Disk.IsZero(chunk))
                    disk.Zero(layout.OffsetOf(chunk), layout.LengthOf(chunk));
                else
                    disk.Write(layout.OffsetOf(chunk), buffer.Span[..layout.LengthOf(chunk)]);
            };
        }, Enumerable.Range(0, layout.Count).ToArray());
        disk.Flush();
    }

    private BlockDevice Open() => BlockDevice.Open(_device) is ({ } disk, _) ? disk : throw new InvalidOperationException($"{_device} cannot be opened.");

    private static void OnAllCores<T>(Func<Action<T>> worker, ReadOnlyMemory<T> items)
    {
        var next = -1;
        var threads = Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new Thread(() =>
        {
            var action = worker();
            for (int at; (at = Interlocked.Increment(ref next)) < items.Length;)
                action(items.Span[at]);
        })).ToArray();
        foreach (var thread in threads)
            thread.Start();
        foreach (var thread in threads)
            thread.Join();
    }
}

/// <summary>One measurement of all parts.</summary>
internal sealed record LimitCosts(Cost Receive, Cost Hash, Cost Decode, Cost Write)
{
    /// <summary>Seconds that the cores need for all of it, if none ever waits.</summary>
    public double Sum => (Receive.ProcessorSeconds + Hash.ProcessorSeconds + Decode.ProcessorSeconds + Write.ProcessorSeconds) / Environment.ProcessorCount;
}
