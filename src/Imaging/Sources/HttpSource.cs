using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;

namespace Baremetal.Imaging.Sources;

/// <summary>An image file on a web server that answers ranges (RFC 9110 section 14). Plain HTTP/1.1: the index verifies, so nothing else need.</summary>
public sealed class HttpSource(Uri address, TimeProvider time, HttpLimits? limits = null) : IByteSource
{
    private readonly HttpLimits _limits = limits ?? new HttpLimits();

    public string Name => address.ToString();

    public IByteReader Connect(long fileSize) => new Reader(address, fileSize, time, _limits);

    private sealed class Reader : IByteReader
    {
        private readonly Uri _address;
        private readonly long _fileSize;
        private readonly HttpLimits _limits;
        private readonly HttpClient _client;
        private readonly ITimer _stallTimer;
        private readonly Lock _gate = new();
        private Socket? _socket;
        private bool _isAborted;
        private bool _hasStalled;
        private HttpResponseMessage? _response;
        private Stream? _body;
        private long _position;
        private long _end;
        private long _received;

        public Reader(Uri address, long fileSize, TimeProvider time, HttpLimits limits)
        {
            _address = address;
            _fileSize = fileSize;
            _limits = limits;
            _stallTimer = time.CreateTimer(_ => CutStalled(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            _client = new HttpClient(new SocketsHttpHandler
            {
                // A blocked read can only be ended through its socket, so this reader keeps it.
                ConnectCallback = (context, _) => ValueTask.FromResult<Stream>(new NetworkStream(Connect(context.DnsEndPoint), ownsSocket: true)),
                AutomaticDecompression = DecompressionMethods.None,
                // Nor a second one behind this reader's back: it could not be cut when it stalls.
                AllowAutoRedirect = false,
                // A range that is given up takes its connection with it: reading it to its end would cost more.
                MaxResponseDrainSize = 0,
                // Never a second one on the side, of which this reader would not know.
                MaxConnectionsPerServer = 1,
                UseProxy = false,
                UseCookies = false,
                // The stall limit watches every request; nothing here runs on the system's clock.
                PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
                PooledConnectionLifetime = Timeout.InfiniteTimeSpan,
            })
            {
                Timeout = Timeout.InfiniteTimeSpan,
            };
        }

        public long Received => Interlocked.Read(ref _received);

        public void Open(long offset, long length)
        {
            _response?.Dispose();
            (_position, _end) = (offset, offset + length);
            using var request = new HttpRequestMessage(HttpMethod.Get, _address);
            request.Headers.Range = new RangeHeaderValue(offset, offset + length - 1);
            Watched(() => _response = _client.Send(request, HttpCompletionOption.ResponseHeadersRead));
            CheckAnswer(_response!, offset, length);
            _body = _response!.Content.ReadAsStream();
        }

        public void Read(Span<byte> buffer)
        {
            var sinceProgress = 0;
            Watch();
            try
            {
                while (buffer.Length > 0)
                {
                    var read = _body!.Read(buffer);
                    if (read == 0)
                        throw SourceException.Transient($"{_address} closed the connection at byte {_position}, {_end - _position} before the end of the range.");
                    _position += read;
                    Interlocked.Add(ref _received, read);
                    buffer = buffer[read..];
                    sinceProgress += read;
                    if (sinceProgress >= _limits.StallBytes)
                    {
                        sinceProgress = 0;
                        Watch();
                    }
                }
            }
            catch (Exception e) when (IsBrokenConnection(e))
            {
                throw Broken(e);
            }
            finally
            {
                Unwatch();
            }
        }

        public void Abort()
        {
            lock (_gate)
            {
                _isAborted = true;
                _socket?.Dispose();
            }
        }

        public void Dispose()
        {
            Abort();
            _stallTimer.Dispose();
            _response?.Dispose();
            _client.Dispose();
        }

        private Socket Connect(DnsEndPoint server)
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            lock (_gate)
            {
                _socket = socket;
                if (_isAborted)
                    socket.Dispose();
            }
            socket.Connect(server);
            return socket;
        }

        private void CheckAnswer(HttpResponseMessage answer, long offset, long length)
        {
            var status = (int)answer.StatusCode;
            if (status is 408 or 425 or 429 or >= 500)
                throw SourceException.Transient($"{_address} answered {status} {answer.ReasonPhrase}.");
            if (status == 200)
                throw SourceException.Permanent($"{_address} does not answer ranges, which a verified write needs. Serve the image from a server that does, such as the conductor ('conductor image add').");
            if (status is >= 300 and < 400 && answer.Headers.Location is { } target)
                throw SourceException.Permanent($"{_address} redirects to {(Uri.TryCreate(_address, target, out var whole) ? whole : target)}, which is not followed. Give that address as the source.");
            if (status == 416)
                throw SourceException.Permanent($"{_address} has no bytes {offset}-{offset + length - 1}: its file is not the one of {_fileSize} bytes that was signed.");
            if (status != 206)
                throw SourceException.Permanent($"{_address} answered {status} {answer.ReasonPhrase}.");
            var range = answer.Content.Headers.ContentRange;
            if (range?.From != offset || range.To != offset + length - 1)
                throw SourceException.Permanent($"{_address} answered with the range '{range}' when asked for bytes {offset}-{offset + length - 1}.");
            if (range.HasLength && range.Length != _fileSize)
                throw SourceException.Permanent($"{_address} has {range.Length} bytes; the signed manifest says {_fileSize}. It is another file, or was cut off.");
        }

        private void Watched(Action request)
        {
            Watch();
            try
            {
                request();
            }
            catch (Exception e) when (IsBrokenConnection(e))
            {
                throw Broken(e);
            }
            finally
            {
                Unwatch();
            }
        }

        private void Watch() => _stallTimer.Change(_limits.StallTime, Timeout.InfiniteTimeSpan);

        private void Unwatch() => _stallTimer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        private void CutStalled()
        {
            lock (_gate)
            {
                _hasStalled = true;
                _socket?.Dispose();
            }
        }

        private static bool IsBrokenConnection(Exception e) =>
            e is HttpRequestException or ObjectDisposedException or SocketException or (IOException and not SourceException);

        private SourceException Broken(Exception e)
        {
            lock (_gate)
            {
                if (_hasStalled)
                {
                    _hasStalled = false;
                    return SourceException.Transient($"{_address} stalled at byte {_position}: it sent less than {_limits.StallBytes} bytes in {_limits.StallTime.TotalSeconds:0} s.", e);
                }
            }
            return SourceException.Transient($"{_address} cannot be read at byte {_position}: {e.GetBaseException().Message}.", e);
        }
    }
}

/// <summary>
/// When a server counts as stalled: it must send <paramref name="StallBytes"/> in every <paramref name="StallTime"/>. Bytes, not signs of
/// life: a download that trickles would else hold a disk blank for days.
/// </summary>
public sealed record HttpLimits(int StallBytes, TimeSpan StallTime)
{
    public HttpLimits()
        : this(64 << 10, TimeSpan.FromSeconds(30))
    {
    }
}
