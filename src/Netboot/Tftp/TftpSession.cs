using System.Buffers;
using System.Net.Sockets;

namespace Baremetal.Netboot.Tftp;

internal enum TransferEnd
{
    /// <summary>The last block was acknowledged.</summary>
    Sent,

    /// <summary>The client sent an error. Firmware does so on purpose once it knows the size.</summary>
    EndedByClient,

    /// <summary>The client fell silent.</summary>
    Lost,
}

/// <summary>
/// One file to one client, over a socket that hears nobody else. A window of blocks goes out, then one acknowledgement says how far it came; with
/// a window of 1 that is RFC 1350, with more RFC 7440.
/// </summary>
internal sealed class TftpSession(Socket socket, ReadOnlyMemory<byte> file, TftpTerms terms, TimeProvider time)
{
    /// <summary>With waits that double from 0.3 to 4 s, half a minute: as long as a switch port takes to forward again.</summary>
    private const int MostRetries = 10;

    private static readonly TimeSpan MostPatient = TimeSpan.FromSeconds(4);

    /// <summary>Whatever timeout the client asked for: a session that nobody listens to any more holds a port and a place.</summary>
    private static readonly TimeSpan LongestSilence = TimeSpan.FromSeconds(35);

    private readonly long blocks = (file.Length / terms.BlockSize) + 1; // the last one is short, and may be empty
    private long acknowledged;
    private long window;

    public long AcknowledgedBytes => Math.Min(acknowledged * terms.BlockSize, file.Length);

    public long SentAgain { get; private set; }

    public ushort ErrorCode { get; private set; }

    public string ErrorText { get; private set; } = "";

    /// <param name="cancel">Closes the socket, and ends the transfer with a <see cref="SocketException"/> or an <see cref="ObjectDisposedException"/>.</param>
    public async Task<TransferEnd> RunAsync(CancellationToken cancel)
    {
        var packet = ArrayPool<byte>.Shared.Rent(TftpPacket.HeaderLength + terms.BlockSize);
        var answer = ArrayPool<byte>.Shared.Rent(TftpRequest.MaximumLength);
        using var patience = new Patience(terms.Patience, time);
        patience.Reset();
        using var closing = cancel.UnsafeRegister(static socket => ((Socket)socket!).Dispose(), socket);
        try
        {
            var highest = 0L;
            var retries = 0;
            var opened = terms.OptionAck is null;
            while (acknowledged < blocks)
            {
                if (!opened)
                    socket.Send(terms.OptionAck!);
                window = opened ? Math.Min(acknowledged + terms.WindowSize, blocks) : 0;
                for (var block = acknowledged + 1; block <= window; block++)
                    socket.Send(packet.AsSpan(0, WriteBlock(packet, block)));
                SentAgain += Math.Max(0, Math.Min(highest, window) - acknowledged);
                highest = Math.Max(highest, window);

                // A repeated acknowledgement means a lost block only where a window is open, and only once: with a window of 1, answering it would
                // send every block twice from then on (the Sorcerer's Apprentice, RFC 1123 §4.2.3.1).
                var mayRewind = terms.WindowSize > 1 && retries == 0;
                switch (await HearAsync(answer, opened, mayRewind, patience))
                {
                    case Heard.Progress:
                        (opened, retries) = (true, 0);
                        patience.Reset();
                        break;
                    case Heard.Error:
                        return TransferEnd.EndedByClient;
                    case Heard.Repeated:
                        retries = 1;
                        break;
                    case Heard.Nothing when ++retries > MostRetries || patience.IsOver:
                        return TransferEnd.Lost;
                    default:
                        patience.Double();
                        break;
                }
            }
            return TransferEnd.Sent;
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.ConnectionRefused)
        {
            // An ICMP error: the client closed its port. Some send no ERROR first, and so does a machine that was reset.
            ErrorText = "its port is closed";
            return TransferEnd.EndedByClient;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(packet);
            ArrayPool<byte>.Shared.Return(answer);
        }
    }

    private async ValueTask<Heard> HearAsync(byte[] answer, bool opened, bool mayRewind, Patience patience)
    {
        var until = patience.Start();
        try
        {
            while (true)
            {
                var length = await socket.ReceiveAsync(answer.AsMemory(0, TftpRequest.MaximumLength), until);
                var heard = Read(answer.AsSpan(0, length), opened);
                if (heard is Heard.Progress or Heard.Error || (heard == Heard.Repeated && mayRewind))
                    return heard;
            }
        }
        catch (OperationCanceledException)
        {
            return Heard.Nothing;
        }
    }

    private Heard Read(ReadOnlySpan<byte> packet, bool opened)
    {
        if (TftpPacket.IsError(packet, out var code, out var text))
        {
            (ErrorCode, ErrorText) = (code, text);
            return Heard.Error;
        }
        if (!TftpPacket.IsAck(packet, out var number))
            return Heard.Nothing;
        if (!opened)
            return number == 0 ? Heard.Progress : Heard.Nothing;
        var ahead = (ushort)(number - (ushort)acknowledged);
        if (ahead > window - acknowledged)
            return Heard.Nothing; // of a block long past
        acknowledged += ahead;
        return ahead > 0 ? Heard.Progress : Heard.Repeated;
    }

    private int WriteBlock(Span<byte> packet, long block)
    {
        var start = (int)((block - 1) * terms.BlockSize);
        return TftpPacket.WriteData(packet, block, file.Span.Slice(start, Math.Min(terms.BlockSize, file.Length - start)));
    }

    private enum Heard
    {
        Nothing,
        Progress,
        Repeated,
        Error,
    }

    /// <summary>How long to wait for an answer: one timer for the whole transfer, set anew for each wait.</summary>
    private sealed class Patience(TimeSpan first, TimeProvider time) : IDisposable
    {
        private CancellationTokenSource source = Timer(time);
        private TimeSpan wait;
        private TimeSpan silence;

        /// <summary>All waits since the last progress together are as long as a silence may be.</summary>
        public bool IsOver => silence >= LongestSilence;

        public CancellationToken Start()
        {
            if (!source.TryReset())
            {
                source.Dispose();
                source = Timer(time);
            }
            var next = TimeSpan.FromTicks(Math.Min(wait.Ticks, Math.Max(0, (LongestSilence - silence).Ticks)));
            silence += next;
            source.CancelAfter(next);
            return source.Token;
        }

        public void Reset() => (wait, silence) = (first, TimeSpan.Zero);

        public void Double() => wait = TimeSpan.FromTicks(Math.Max(first.Ticks, Math.Min(2 * wait.Ticks, MostPatient.Ticks)));

        public void Dispose() => source.Dispose();

        private static CancellationTokenSource Timer(TimeProvider time) => new(Timeout.InfiniteTimeSpan, time);
    }
}
