namespace Baremetal.Imaging.Sources;

/// <summary>Where image files come from, by how the place is written.</summary>
public static class ByteSource
{
    /// <summary>Whether a place is written as one can be; whether anything is there shows when it is read.</summary>
    public static bool IsPlace(string location) => location.Length > 0 && (!Blobs.IsUrl(location) || Uri.TryCreate(location, UriKind.Absolute, out _));

    /// <param name="location">An <c>http</c> or <c>https</c> URL, or a path.</param>
    /// <param name="time">The clock that stalls are measured by.</param>
    public static IByteSource At(string location, TimeProvider time) =>
        Blobs.IsUrl(location) ? new HttpSource(new Uri(location), time) : new FileSource(location);
}
