using System.Globalization;
using System.Text;

namespace Baremetal.Netboot.Tftp;

/// <summary>Why a datagram at port 69 is no request that we serve.</summary>
internal enum TftpRejection
{
    None,

    /// <summary>Longer than 512 bytes (RFC 2347 §2).</summary>
    TooLong,

    /// <summary>A WRQ: nothing can be written here.</summary>
    Write,

    /// <summary>Not a request at all.</summary>
    NotARequest,

    /// <summary>A string without its closing NUL, or with bytes that no name has.</summary>
    BadText,

    /// <summary>Any mode but octet: a loader is bytes.</summary>
    NotOctet,
}

/// <summary>
/// A read request (RFC 1350 §5) with its options (RFC 2347). A value that makes no sense counts as not asked for: the RFC has no other way to
/// refuse an option than to leave it out of the answer.
/// <code>
///  2 bytes     string    1 byte     string   1 byte   string   1 byte   string   1 byte
/// +-------+~~~~~~~~~~~~~+---+~~~~~~~~~~~~~~~+---+~~~~~~~~~~~~~~~+---+~~~~~~~~~~~~~+---+ ...
/// |  01   |  file name  | 0 |     mode      | 0 |    option     | 0 |    value    | 0 |
/// +-------+~~~~~~~~~~~~~+---+~~~~~~~~~~~~~~~+---+~~~~~~~~~~~~~~~+---+~~~~~~~~~~~~~+---+ ...
/// </code>
/// </summary>
/// <param name="File">Without slashes at its start, which GRUB sends and others do not.</param>
/// <param name="BlockSize">8 to 65464 bytes (RFC 2348).</param>
/// <param name="AsksSize">tsize (RFC 2349).</param>
/// <param name="Timeout">1 to 255 seconds (RFC 2349).</param>
/// <param name="WindowSize">1 to 65535 blocks (RFC 7440).</param>
internal sealed record TftpRequest(string File, int? BlockSize, bool AsksSize, int? Timeout, int? WindowSize)
{
    public const int MaximumLength = 512;

    public static bool TryParse(ReadOnlySpan<byte> datagram, out TftpRequest request, out TftpRejection rejection)
    {
        request = null!;
        rejection = datagram switch
        {
            { Length: > MaximumLength } => TftpRejection.TooLong,
            [0, 1, ..] => TftpRejection.None,
            [0, 2, ..] => TftpRejection.Write,
            _ => TftpRejection.NotARequest,
        };
        if (rejection != TftpRejection.None)
            return false;

        var rest = datagram[2..];
        if (!TryTake(ref rest, out var file) || !TryTake(ref rest, out var mode) || file.Length == 0)
            rejection = TftpRejection.BadText;
        else if (!mode.Equals("octet", StringComparison.OrdinalIgnoreCase))
            rejection = TftpRejection.NotOctet;
        else
            request = ReadOptions(file.TrimStart('/'), rest);
        return request is not null;
    }

    private static TftpRequest ReadOptions(string file, ReadOnlySpan<byte> rest)
    {
        var request = new TftpRequest(file, null, false, null, null);
        while (TryTake(ref rest, out var name) && TryTake(ref rest, out var value))
            if (int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
                request = name.ToLowerInvariant() switch // RFC 2347: the names have no case
                {
                    "blksize" when number is >= 8 and <= 65_464 => request with { BlockSize = number },
                    "tsize" => request with { AsksSize = true },
                    "timeout" when number is >= 1 and <= 255 => request with { Timeout = number },
                    "windowsize" when number is >= 1 and <= 65_535 => request with { WindowSize = number },
                    _ => request,
                };
        return request;
    }

    private static bool TryTake(ref ReadOnlySpan<byte> rest, out string text)
    {
        var end = rest.IndexOf((byte)0);
        text = "";
        if (end < 0 || rest[..end].ContainsAnyExceptInRange((byte)' ', (byte)'~'))
            return false;
        text = Encoding.ASCII.GetString(rest[..end]);
        rest = rest[(end + 1)..];
        return true;
    }
}
