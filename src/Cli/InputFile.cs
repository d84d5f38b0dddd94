using Baremetal.Trust;

namespace Baremetal.Cli;

/// <summary>Small files that a command is given.</summary>
internal static class InputFile
{
    /// <param name="path">As it was typed.</param>
    /// <param name="what">What it should be, for the error: <c>trust document</c>.</param>
    /// <param name="maxBytes">A larger file is something else, and is not read into memory to find out.</param>
    /// <param name="missing">What to do where there is no such file.</param>
    public static byte[] Read(string path, string what, int maxBytes = Envelope.MaxBytes, string? missing = null)
    {
        if (Directory.Exists(path))
            throw Failure.Refused($"The {what} {path} is a directory.", "Name the file in it.");
        try
        {
            using var file = File.OpenRead(path);
            var content = new byte[Math.Min(maxBytes, file.Length) + 1];
            var length = file.ReadAtLeast(content, content.Length, throwOnEndOfStream: false);
            return length <= maxBytes ? content[..length] : throw Failure.Refused($"The {what} {path} has more than {maxBytes} bytes; it is something else.");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw Failure.NotFound($"The {what} {path} does not exist.", missing);
        }
        catch (UnauthorizedAccessException)
        {
            throw new Failure(ExitCodes.Failed, new Rejection($"The {what} {path} may not be read by this user.", "Run the command as root, or give a copy that you may read."));
        }
        catch (IOException e)
        {
            throw new Failure(ExitCodes.Failed, new Rejection($"The {what} {path} cannot be read: {e.Message}"));
        }
    }
}
