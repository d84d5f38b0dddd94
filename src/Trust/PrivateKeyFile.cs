using System.Diagnostics.CodeAnalysis;

namespace Baremetal.Trust;

/// <summary>A file with a secret in it: only its owner may open it.</summary>
public static class PrivateKeyFile
{
    private const UnixFileMode Others =
        UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    /// <summary>A key has a few hundred bytes; anything that has more than this is something else.</summary>
    private const int MaxBytes = 64 << 10;

    /// <summary>The first line of a file that holds a passphrase, as <c>openssl -passin file:</c> takes it.</summary>
    public static bool TryReadPassphrase(string path, [NotNullWhen(true)] out byte[]? passphrase, [NotNullWhen(false)] out Rejection? rejection)
    {
        passphrase = null;
        if (!TryReadSecret(path, "passphrase file", out var content, out rejection))
            return false;
        var line = content.AsSpan();
        passphrase = (line.IndexOf((byte)'\n') is var end and >= 0 ? line[..end] : line).ToArray();
        if (passphrase.Length > 0)
            return true;
        rejection = new Rejection($"The passphrase file {path} begins with an empty line.", "The passphrase is its first line.");
        passphrase = null;
        return false;
    }

    internal static bool TryRead(string path, [NotNullWhen(true)] out string? pem, [NotNullWhen(false)] out Rejection? rejection)
    {
        pem = null;
        if (!TryReadSecret(path, "private key", out var content, out rejection))
            return false;
        pem = System.Text.Encoding.UTF8.GetString(content);
        return true;
    }

    internal static bool IsEncrypted(string pem) => pem.Contains("-----BEGIN ENCRYPTED PRIVATE KEY-----", StringComparison.Ordinal);

    internal static void Write(string path, string pem)
    {
        using var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        using var writer = new StreamWriter(file);
        writer.WriteLine(pem);
        writer.Flush();
        file.Flush(flushToDisk: true);
    }

    private static bool TryReadSecret(string path, string what, [NotNullWhen(true)] out byte[]? content, [NotNullWhen(false)] out Rejection? rejection)
    {
        (content, rejection) = (null, null);
        try
        {
            using var file = File.OpenRead(path);
            var bytes = new byte[MaxBytes + 1];
            var length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            // Of the file that was opened, not of whatever its name stands for by now. Root is refused as well: it is not root who might copy the key.
            var mode = File.GetUnixFileMode(file.SafeFileHandle);
            if (length > MaxBytes || (what == "private key" && bytes.AsSpan(0, length).IndexOf("PRIVATE KEY-----"u8) < 0))
                rejection = new Rejection($"{path} is no {what}.", "It must be a PKCS#8 PEM file, as 'conductor key new' makes it.");
            else if ((mode & Others) != UnixFileMode.None)
                rejection = new Rejection($"The {what} {path} has mode {Convert.ToString((int)mode, 8).PadLeft(4, '0')}: others than its owner may open it.", $"Make it its owner's alone: chmod 600 {path}");
            else
                content = bytes[..length];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            rejection = new Rejection($"The {what} {path} cannot be read: {e.Message}", "Give its path, as a user who may read it.");
        }
        return content is not null;
    }
}
