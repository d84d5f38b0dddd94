using System.Text;

namespace Baremetal.VmRunner.Supervisor.Metadata;

/// <summary>How far the head of a request has been understood.</summary>
internal enum HttpHead
{
    Complete,

    /// <summary>More is to come.</summary>
    Partial,

    /// <summary>It is no HTTP.</summary>
    Malformed,

    /// <summary>HTTP, but neither 1.0 nor 1.1.</summary>
    OtherVersion,
}

/// <summary>As much of a request (RFC 9112) as a metadata service asks about.</summary>
/// <param name="Method">In its own case.</param>
/// <param name="Path">Without the query.</param>
/// <param name="IsForwarded">A proxy passed it on (X-Forwarded-For).</param>
/// <param name="HasBody">It says that more follows than its head.</param>
/// <param name="TokenSeconds">For how long a session token is wanted; null if nothing is said of it.</param>
internal sealed record HttpRequest(string Method, string Path, bool IsForwarded, bool HasBody, string? TokenSeconds)
{
    /// <summary>Bytes of the longest head that is read.</summary>
    public const int MostBytes = 8 << 10;

    private static readonly byte[] _end = "\r\n\r\n"u8.ToArray();

    public static HttpHead Parse(ReadOnlySpan<byte> bytes, out HttpRequest? request)
    {
        request = null;
        var end = bytes.IndexOf(_end);
        if (end < 0)
            return HttpHead.Partial;
        foreach (var one in bytes[..end])
        {
            // Tabs and line ends are the only control characters that a head may have.
            if (one is (< 0x20 and not ((byte)'\t' or (byte)'\r' or (byte)'\n')) or > 0x7e)
                return HttpHead.Malformed;
        }
        var lines = Encoding.ASCII.GetString(bytes[..end]).Split("\r\n");
        var words = lines[0].Split(' ');
        if (words.Length != 3 || !IsToken(words[0]) || words[1] is not ['/', ..] || !words[2].StartsWith("HTTP/", StringComparison.Ordinal))
            return HttpHead.Malformed;
        if (words[2] is not ("HTTP/1.1" or "HTTP/1.0"))
            return HttpHead.OtherVersion;
        var read = new HttpRequest(words[0], words[1].Split('?')[0], IsForwarded: false, HasBody: false, TokenSeconds: null);
        foreach (var line in lines.AsSpan(1))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon <= 0 || line.AsSpan().ContainsAny('\r', '\n') || !IsToken(line[..colon]))
                return HttpHead.Malformed;
            var value = line[(colon + 1)..].Trim(' ', '\t');
            read = line[..colon].ToUpperInvariant() switch
            {
                "X-FORWARDED-FOR" => read with { IsForwarded = true },
                "CONTENT-LENGTH" => read with { HasBody = read.HasBody || value != "0" },
                "TRANSFER-ENCODING" => read with { HasBody = true },
                "X-AWS-EC2-METADATA-TOKEN-TTL-SECONDS" => read with { TokenSeconds = value },
                _ => read,
            };
        }
        request = read;
        return HttpHead.Complete;
    }

    // RFC 9110 §5.6.2.
    private static bool IsToken(string text) =>
        text.Length > 0 && text.All(character => char.IsAsciiLetterOrDigit(character) || "!#$%&'*+-.^_`|~".Contains(character, StringComparison.Ordinal));
}
