using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace Baremetal.Api;

/// <summary>
/// One line of an <c>authorized_keys</c> file (sshd(8)): options if any, the key's type, the key in base64, a comment. A line that sshd would
/// pass over lets nobody in, and that shows only when the machine is already installed.
/// </summary>
public static class SshPublicKey
{
    /// <summary>Of one system: a team's, and room.</summary>
    public const int Most = 100;

    /// <summary>In characters, as a line: of the largest RSA key with its comment.</summary>
    public const int Longest = 16 << 10;

    // The strings of a key after its type (RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709 §4, OpenSSH's PROTOCOL.u2f). DSA is not among them: OpenSSH takes none any more.
    private static readonly Dictionary<string, int> StringsOf = new(StringComparer.Ordinal)
    {
        ["ssh-ed25519"] = 1,
        ["ssh-rsa"] = 2,
        ["ecdsa-sha2-nistp256"] = 2,
        ["ecdsa-sha2-nistp384"] = 2,
        ["ecdsa-sha2-nistp521"] = 2,
        ["sk-ssh-ed25519@openssh.com"] = 2,
        ["sk-ecdsa-sha2-nistp256@openssh.com"] = 3,
    };

    /// <summary>What a file of keys may hold beside them.</summary>
    public static bool IsCommentOrEmpty(string line) => line.AsSpan().Trim() is [] or ['#', ..];

    /// <param name="cause">What is wrong with the line, to stand after its name and a colon.</param>
    public static bool TryCheck(string line, [NotNullWhen(false)] out string? cause)
    {
        var rest = line.AsSpan().Trim();
        if (!StringsOf.ContainsKey(FirstWord(rest).ToString()))
            rest = AfterOptions(rest);
        var type = FirstWord(rest).ToString();
        cause = StringsOf.TryGetValue(type, out var strings)
            ? FaultOf(type, strings, FirstWord(rest[type.Length..].TrimStart()))
            : $"it names no type of key ({string.Join(", ", StringsOf.Keys)})";
        return cause is null;
    }

    /// <summary>A host's own public key, as its file in /etc/ssh has it; null if it is none.</summary>
    public static SshHostKey? TryReadHostKey(string line)
    {
        var words = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        return words is [var type, var base64, ..] && StringsOf.TryGetValue(type, out var strings) && FaultOf(type, strings, base64) is null
            ? new SshHostKey($"{type} {base64}", $"SHA256:{Convert.ToBase64String(SHA256.HashData(Convert.FromBase64String(base64))).TrimEnd('=')}")
            : null;
    }

    private static string? FaultOf(string type, int strings, ReadOnlySpan<char> base64)
    {
        var key = new byte[base64.Length];
        if (base64.IsEmpty || !Convert.TryFromBase64Chars(base64, key, out var length))
            return $"what follows {type} is not base64";
        if (!TryTakeString(key.AsSpan(0, length), out var name, out var rest) || !name.SequenceEqual(Encoding.ASCII.GetBytes(type)))
            return $"it says {type}, but its base64 is no such key";
        for (var left = strings; left > 0; left--)
        {
            if (!TryTakeString(rest, out var part, out rest) || part.IsEmpty)
                return $"its {type} key is cut off";
        }
        return rest.IsEmpty ? null : $"its {type} key is followed by {rest.Length} bytes too many";
    }

    // RFC 4251 §5: four bytes of length, and as many bytes.
    private static bool TryTakeString(ReadOnlySpan<byte> from, out ReadOnlySpan<byte> taken, out ReadOnlySpan<byte> rest)
    {
        taken = default;
        rest = default;
        if (!BinaryPrimitives.TryReadUInt32BigEndian(from, out var length) || length > from.Length - sizeof(uint))
            return false;
        taken = from.Slice(sizeof(uint), (int)length);
        rest = from[(sizeof(uint) + (int)length)..];
        return true;
    }

    private static ReadOnlySpan<char> FirstWord(ReadOnlySpan<char> line) => line.IndexOfAny(' ', '\t') is >= 0 and var end ? line[..end] : line;

    // Options end at the first blank outside of quotes; within them \" is a quote.
    private static ReadOnlySpan<char> AfterOptions(ReadOnlySpan<char> line)
    {
        var quoted = false;
        for (var at = 0; at < line.Length; at++)
        {
            if (line[at] == '"' && (at == 0 || line[at - 1] != '\\'))
                quoted = !quoted;
            else if (!quoted && (line[at] is ' ' or '\t'))
                return line[at..].TrimStart();
        }
        return [];
    }
}
