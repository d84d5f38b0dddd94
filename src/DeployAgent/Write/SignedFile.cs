using System.Diagnostics.CodeAnalysis;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Write;

/// <summary>A signed document that the command line names: read whole, as documents are small.</summary>
/// <param name="What">What it should be, for the error: <c>trust document</c>.</param>
/// <param name="MadeBy">The command that makes it, and its name there.</param>
internal sealed record SignedFile(string What, string MadeBy)
{
    public static readonly SignedFile Manifest = new("image manifest", "NAME.dsse.json, as 'conductor image sign' writes it");
    public static readonly SignedFile Trust = new("trust document", "trust.dsse.json, as 'conductor key new' writes it");

    public bool TryRead(string path, [NotNullWhen(true)] out byte[]? content, [NotNullWhen(false)] out Rejection? rejection)
    {
        content = null;
        rejection = null;
        try
        {
            using var file = File.OpenRead(path);
            // What never ends has a length of 0.
            var bytes = new byte[Envelope.MaxBytes + 1];
            var length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            if (length > Envelope.MaxBytes)
                rejection = new Rejection($"The {What} {path} has more than {Envelope.MaxBytes} bytes; it is something else.", $"Give {MadeBy}.");
            else
                content = bytes[..length];
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            rejection = path.Contains("://", StringComparison.Ordinal)
                ? new Rejection($"The {What} {path} is no file.", "Fetch it, and give the file: it is signed, so that it may come by any way.")
                : new Rejection($"The {What} {path} does not exist.", $"Give {MadeBy}.");
        }
        catch (UnauthorizedAccessException)
        {
            rejection = Directory.Exists(path)
                ? new Rejection($"The {What} {path} is a directory.", $"Give the file in it: {MadeBy}.")
                : new Rejection($"The {What} {path} may not be read by this user.", "Run the command as root, or give a copy that you may read.");
        }
        return rejection is null;
    }
}
