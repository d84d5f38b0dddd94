namespace Baremetal.Imaging.Sources;

/// <summary>
/// A place that has the image file's bytes. It needs no trust: it can only fail to deliver.
/// </summary>
public interface IByteSource
{
    /// <summary>The URL or path, for errors.</summary>
    string Name { get; }

    /// <summary>A connection of its own for one thread; nothing is asked of the source yet.</summary>
    /// <param name="fileSize">The size that the signed manifest gives; any other is an error.</param>
    /// <param name="isInOrder">The file is read nearly in its own order, so that a place that can only give it whole will do.</param>
    IByteReader Connect(long fileSize, bool isInOrder);
}

/// <summary>Reads ranges one after the other, synchronously, on one thread. Failures are <see cref="SourceException"/>.</summary>
public interface IByteReader : IDisposable
{
    /// <summary>Bytes that came so far, of all ranges. May be asked at any time, from any thread.</summary>
    long Received { get; }

    /// <summary>Whether the place gives the file only from its start: what lies before a range is read with it and thrown away. Known once a range is open.</summary>
    bool IsWhole { get; }

    /// <summary>Begins a range; whatever was open before is given up.</summary>
    void Open(long offset, long length);

    /// <summary>Fills the buffer with the range's next bytes, all of it.</summary>
    void Read(Span<byte> buffer);

    /// <summary>Makes a read that blocks fail at once, from any thread.</summary>
    void Abort();
}
