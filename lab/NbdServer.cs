using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace Baremetal.Lab;

/// <summary>
/// Serves one disk to one QEMU at a time, by the network block device protocol (the NBD project's doc/proto.md): the fixed newstyle
/// handshake and simple replies.
/// </summary>
internal sealed class NbdServer : IDisposable
{
    private const ulong Magic = 0x4e42444d41474943;
    private const ulong OptionMagic = 0x49484156454f5054;
    private const ulong OptionReplyMagic = 0x3e889045565a9;
    private const uint RequestMagic = 0x25609513;
    private const uint ReplyMagic = 0x67446698;

    private const ushort FixedNewstyleWithoutPadding = 0b11;

    // Flags, flush, force unit access, trim, write zeroes.
    private const ushort CanDo = 0b0110_1101;
    private const ushort ForceUnitAccess = 1;

    private const uint LongestData = 64 << 20;
    private const uint LongestOption = 4096;

    private readonly VolatileDisk _disk;
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly Thread _thread;
    private readonly object _gate = new();
    private Socket? _client;
    private bool _isDisposed;

    public NbdServer(VolatileDisk disk, string socket)
    {
        _disk = disk;
        _listener.Bind(new UnixDomainSocketEndPoint(socket));
        _listener.Listen();
        _thread = new Thread(Serve) { IsBackground = true, Name = "nbd" };
        _thread.Start();
    }

    private enum Option : uint
    {
        Abort = 2,
        Info = 6,
        Go = 7,
    }

    private enum OptionReply : uint
    {
        Acknowledged = 1,
        Info = 3,
        Unsupported = 0x8000_0001,
    }

    private enum Command : ushort
    {
        Read = 0,
        Write = 1,
        Disconnect = 2,
        Flush = 3,
        Trim = 4,
        WriteZeroes = 6,
    }

    /// <summary>Waits until all that a client which has ended had sent is on the disk.</summary>
    public void WaitUntilIdle()
    {
        lock (_gate)
        {
            while (_client is not null)
                Monitor.Wait(_gate);
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            _client?.Dispose();
        }
        _listener.Dispose();
        _thread.Join();
    }

    private void Serve()
    {
        while (TryAccept() is { } client)
        {
            try
            {
                using var stream = new NetworkStream(client);
                if (TryAgree(stream))
                    Transmit(stream);
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException)
            {
                // QEMU was killed, which is what this is for.
            }
            finally
            {
                lock (_gate)
                {
                    client.Dispose();
                    _client = null;
                    Monitor.PulseAll(_gate);
                }
            }
        }
    }

    private Socket? TryAccept()
    {
        try
        {
            var client = _listener.Accept();
            lock (_gate)
                return _isDisposed ? null : _client = client;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return null;
        }
    }

    // Until the client goes over to reading and writing; false if it does not.
    private bool TryAgree(NetworkStream stream)
    {
        Span<byte> hello = stackalloc byte[18];
        BinaryPrimitives.WriteUInt64BigEndian(hello, Magic);
        BinaryPrimitives.WriteUInt64BigEndian(hello[8..], OptionMagic);
        BinaryPrimitives.WriteUInt16BigEndian(hello[16..], FixedNewstyleWithoutPadding);
        stream.Write(hello);
        Span<byte> flags = stackalloc byte[4];
        stream.ReadExactly(flags);

        Span<byte> header = stackalloc byte[16];
        while (true)
        {
            stream.ReadExactly(header);
            var (option, length) = ((Option)BinaryPrimitives.ReadUInt32BigEndian(header[8..]), BinaryPrimitives.ReadUInt32BigEndian(header[12..]));
            if (length > LongestOption)
                throw new IOException($"An option of {length} bytes.");
            stream.ReadExactly(new byte[length]);
            switch (option)
            {
                case Option.Go or Option.Info:
                    Reply(stream, option, OptionReply.Info, ExportInfo());
                    Reply(stream, option, OptionReply.Acknowledged, []);
                    if (option == Option.Go)
                        return true;
                    break;
                case Option.Abort:
                    Reply(stream, option, OptionReply.Acknowledged, []);
                    return false;
                default:
                    Reply(stream, option, OptionReply.Unsupported, Encoding.ASCII.GetBytes("not here"));
                    break;
            }
        }
    }

    private byte[] ExportInfo()
    {
        var info = new byte[12];
        BinaryPrimitives.WriteUInt64BigEndian(info.AsSpan(2), (ulong)_disk.Size);
        BinaryPrimitives.WriteUInt16BigEndian(info.AsSpan(10), CanDo);
        return info;
    }

    private static void Reply(NetworkStream stream, Option option, OptionReply reply, byte[] data)
    {
        var bytes = new byte[20 + data.Length];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, OptionReplyMagic);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(8), (uint)option);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(12), (uint)reply);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(16), (uint)data.Length);
        data.CopyTo(bytes, 20);
        stream.Write(bytes);
    }

    private void Transmit(NetworkStream stream)
    {
        Span<byte> header = stackalloc byte[28];
        while (true)
        {
            stream.ReadExactly(header);
            if (BinaryPrimitives.ReadUInt32BigEndian(header) != RequestMagic)
                throw new IOException("Not a request.");
            var flags = BinaryPrimitives.ReadUInt16BigEndian(header[4..]);
            var command = (Command)BinaryPrimitives.ReadUInt16BigEndian(header[6..]);
            var offset = (long)BinaryPrimitives.ReadUInt64BigEndian(header[16..]);
            var length = BinaryPrimitives.ReadUInt32BigEndian(header[24..]);
            if (command == Command.Disconnect)
                return;
            if (command is Command.Read or Command.Write && length > LongestData)
                throw new IOException($"A request of {length} bytes.");

            // The reply's header, and for a read the data behind it, in one piece.
            var reply = new byte[command == Command.Read ? 16 + (int)length : 16];
            BinaryPrimitives.WriteUInt32BigEndian(reply, ReplyMagic);
            header.Slice(8, 8).CopyTo(reply.AsSpan(8));
            switch (command)
            {
                case Command.Read:
                    _disk.Read(offset, reply.AsSpan(16));
                    break;
                case Command.Write:
                    var data = new byte[length];
                    stream.ReadExactly(data);
                    _disk.Write(offset, data);
                    break;
                case Command.WriteZeroes or Command.Trim:
                    _disk.Zero(offset, length);
                    break;
                case Command.Flush:
                    _disk.Flush();
                    break;
                default:
                    throw new IOException($"Request {command} was not offered.");
            }
            // More than was asked for: a disk may flush whenever it likes.
            if ((flags & ForceUnitAccess) != 0)
                _disk.Flush();
            stream.Write(reply);
        }
    }
}
