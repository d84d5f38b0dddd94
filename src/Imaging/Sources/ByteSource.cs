namespace Baremetal.Imaging.Sources;

/// <summary>Where image files come from, by how the place is written.</summary>
public static class ByteSource
{
    /// <param name="location">An <c>http</c> or <c>https</c> URL, or a path.</param>
    /// <param name="time">The clock that stalls are measured by.</param>
    public static IByteSource At(string location, TimeProvider time) =>
        Blobs.IsUrl(location) ? new HttpSource(new Uri(location), time) : new FileSource(location);
}
