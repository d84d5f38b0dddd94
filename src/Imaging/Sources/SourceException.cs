using Baremetal.Trust;

namespace Baremetal.Imaging.Sources;

/// <summary>
/// Bytes of the image file could not be had. The message names the source, the cause and, if there is one, the remedy; what a server has said
/// is in it, so that nothing is that steers a terminal.
/// </summary>
public sealed class SourceException(string message, bool isTransient, Exception? inner = null) : IOException(Printable.Of(message), inner)
{
    /// <summary>Whether asking again may help: a cut, a stall, a server's own fault. What the server denies stays denied.</summary>
    public bool IsTransient { get; } = isTransient;

    public static SourceException Transient(string message, Exception? inner = null) => new(message, isTransient: true, inner);

    public static SourceException Permanent(string message, Exception? inner = null) => new(message, isTransient: false, inner);
}
