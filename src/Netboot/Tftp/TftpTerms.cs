namespace Baremetal.Netboot.Tftp;

/// <summary>What a transfer was agreed to be.</summary>
/// <param name="BlockSize">Bytes of data in each block but the last.</param>
/// <param name="WindowSize">Blocks for one acknowledgement.</param>
/// <param name="Patience">Before a window is sent again for the first time.</param>
/// <param name="OptionAck">What the client is told of it; null when it asked for no option that we know.</param>
internal sealed record TftpTerms(int BlockSize, int WindowSize, TimeSpan Patience, byte[]? OptionAck)
{
    private const int DefaultBlockSize = 512; // RFC 1350

    /// <summary>IPv4, UDP and TFTP headers, as RFC 2348 counts them: 1468 bytes of data fit Ethernet. No PXE ROM puts fragments together.</summary>
    private const int Headers = 32;

    /// <summary>94 kB in one go is more than small receive buffers hold, and already hides every round trip of a local network.</summary>
    private const int MostBlocks = 64;

    /// <summary>Round trips are below a millisecond, firmware thinks for tens; a lost packet must not cost a second each.</summary>
    private static readonly TimeSpan Patient = TimeSpan.FromMilliseconds(300);

    /// <summary>A client may ask for 255 s: a lost packet would then cost minutes, and a dead client a session. No loader asks for more than 5.</summary>
    private const int LongestTimeout = 5;

    /// <summary>A server may lower a block size or a window, never raise it (RFC 2348, RFC 7440).</summary>
    public static TftpTerms Agree(TftpRequest request, long fileSize, int mtu)
    {
        var blockSize = Math.Min(request.BlockSize ?? DefaultBlockSize, Math.Max(DefaultBlockSize, mtu - Headers));
        var windowSize = Math.Min(request.WindowSize ?? 1, MostBlocks);
        // A timeout is taken as it is or left out of the answer (RFC 2349): there is no offering another.
        var timeout = request.Timeout <= LongestTimeout ? request.Timeout : null;
        var acknowledged = new List<(string, long)>();
        if (request.BlockSize is not null)
            acknowledged.Add(("blksize", blockSize));
        if (request.AsksSize)
            acknowledged.Add(("tsize", fileSize));
        if (timeout is { } seconds)
            acknowledged.Add(("timeout", seconds));
        if (request.WindowSize is not null)
            acknowledged.Add(("windowsize", windowSize));
        return new TftpTerms(
            blockSize, windowSize,
            timeout is { } asked ? TimeSpan.FromSeconds(asked) : Patient,
            acknowledged.Count == 0 ? null : TftpPacket.OptionAck(acknowledged));
    }
}
