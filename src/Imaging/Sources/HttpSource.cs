using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Authentication;

namespace Baremetal.Imaging.Sources;

/// <summary>
/// An image file on a web server that answers ranges (RFC 9110 section 14), or on any that gives it whole, if it is read in order. Plain HTTP/1.1:
/// the index verifies, so nothing else need.
/// </summary>
public sealed class HttpSource(Uri address, TimeProvider time, HttpLimits? limits = null) : IByteSource
{
    private readonly HttpLimits _limits = limits ?? new HttpLimits();

    // It goes into logs and reports: a password, or the signature of an address that is signed for a while, is nobody's there.
    public string Name { get; } = new UriBuilder(address) { UserName = "", Password = "", Query = "", Fragment = "" }.Uri.ToString();

    public IByteReader Connect(long fileSize, bool isInOrder) => new Reader(address, Name, fileSize, isInOrder, time, _limits);

    private sealed class Reader : IByteReader
    {
        private const int UnwantedBytes = 64 << 10;

        private readonly Uri _address;
        private readonly string _name;
        private readonly long _fileSize;
        private readonly bool _isInOrder;
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
        private long _wanted;
        private long _end;
        private long _received;
        private byte[]? _unwanted;

        public Reader(Uri address, string name, long fileSize, bool isInOrder, TimeProvider time, HttpLimits limits)
        {
            _address = address;
            _name = name;
            _fileSize = fileSize;
            _isInOrder = isInOrder;
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

        public bool IsWhole { get; private set; }

        public void Open(long offset, long length)
        {
            if (!IsWhole || _body is null || offset < _position)
                Ask(offset, length);
            _end = IsWhole ? _fileSize : offset + length;
            _wanted = offset;
        }

        public void Read(Span<byte> buffer)
        {
            var body = _body!;
            // Whatever ends this badly ends the answer; only what was read well is gone on with.
            _body = null;
            // Not when the range is opened: whoever opened it may not want to pay for this.
            while (_position < _wanted)
                ReadAll(body, (_unwanted ??= new byte[UnwantedBytes]).AsSpan(0, (int)Math.Min(UnwantedBytes, _wanted - _position)));
            ReadAll(body, buffer);
            _wanted = _position;
            _body = body;
        }

        private void Ask(long offset, long length)
        {
            _response?.Dispose();
            _body = null;
            _position = offset;
            using var request = new HttpRequestMessage(HttpMethod.Get, _address);
            request.Headers.Range = new RangeHeaderValue(offset, offset + length - 1);
            Watched(() => _response = _client.Send(request, HttpCompletionOption.ResponseHeadersRead));
            IsWhole = CheckAnswer(_response!, offset, length) == HttpStatusCode.OK;
            _position = IsWhole ? 0 : offset;
            _body = _response!.Content.ReadAsStream();
        }

        private void ReadAll(Stream body, Span<byte> buffer)
        {
            var sinceProgress = 0;
            Watch();
            try
            {
                while (buffer.Length > 0)
                {
                    var read = body.Read(buffer);
                    if (read == 0)
                        throw EndedTooSoon();
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
                // An answer without a length tells only by its end how long the file is.
                Span<byte> beyond = stackalloc byte[1];
                if (IsWhole && _position == _fileSize && body.Read(beyond) > 0)
                    throw SourceException.Permanent($"{_name} goes on after byte {_fileSize}, where the signed manifest says that the file ends. It is another file.");
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

        // Where the answer says by itself that it is over, it was not cut.
        private SourceException EndedTooSoon() => IsWhole && _response!.Headers.TransferEncodingChunked == true
            ? SourceException.Permanent($"{_name} ended at byte {_position}; the signed manifest says {_fileSize}. It is another file, or was cut off.")
            : SourceException.Transient($"{_name} closed the connection at byte {_position}, {_end - _position} before the end of the {(IsWhole ? "file" : "range")}.");

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
                // A busy machine may come to it only after the limit: nobody would cut it then.
                if (_isAborted || _hasStalled)
                    socket.Dispose();
            }
            socket.Connect(server);
            return socket;
        }

        private HttpStatusCode CheckAnswer(HttpResponseMessage answer, long offset, long length)
        {
            var status = (int)answer.StatusCode;
            if (status is 408 or 425 or 429 or >= 500)
                throw SourceException.Transient($"{_name} answered {status} {answer.ReasonPhrase}.");
            if (status == 200 && !_isInOrder)
                throw SourceException.Permanent($"{_name} does not answer ranges, which a verified write needs. Serve the image from a server that does, such as the conductor ('conductor image add').");
            if (status is >= 300 and < 400 && answer.Headers.Location is { } target)
                throw SourceException.Permanent($"{_name} redirects to {(Uri.TryCreate(_address, target, out var whole) ? whole : target)}, which is not followed. Give that address as the source.");
            if (status == 416)
                throw SourceException.Permanent($"{_name} has no bytes {offset}-{offset + length - 1}: its file is not the one of {_fileSize} bytes that was signed.");
            if (status is not (200 or 206))
                throw SourceException.Permanent($"{_name} answered {status} {answer.ReasonPhrase}.");
            // None is asked for, and what it holds is not what was signed.
            if (answer.Content.Headers.ContentEncoding is { Count: > 0 } encodings)
                throw SourceException.Permanent($"{_name} sends the file with Content-Encoding {string.Join(", ", encodings)}, which is not undone. Serve it as it is.");
            if (status == 200 && answer.Content.Headers.ContentLength is { } found && found != _fileSize)
                throw SourceException.Permanent($"{_name} has {found} bytes; the signed manifest says {_fileSize}. It is another file, or was cut off.");
            if (status == 200)
                return answer.StatusCode;
            var range = answer.Content.Headers.ContentRange;
            if (range is null)
                throw SourceException.Permanent($"{_name} answered 206 without a range of its own ({answer.Content.Headers.ContentType?.MediaType ?? "no type"}) when asked for bytes {offset}-{offset + length - 1}.");
            if (!range.Unit.Equals("bytes", StringComparison.OrdinalIgnoreCase) || range.From != offset || range.To != offset + length - 1)
                throw SourceException.Permanent($"{_name} answered with the range '{range}' when asked for bytes {offset}-{offset + length - 1}.");
            if (range.HasLength && range.Length != _fileSize)
                throw SourceException.Permanent($"{_name} has {range.Length} bytes; the signed manifest says {_fileSize}. It is another file, or was cut off.");
            return answer.StatusCode;
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

        private void Watch()
        {
            // It may have fired when all was read already: what goes wrong from here on is something else.
            lock (_gate)
                _hasStalled = false;
            _stallTimer.Change(_limits.StallTime, Timeout.InfiniteTimeSpan);
        }

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
                    return SourceException.Transient($"{_name} stalled at byte {_position}: it sent less than {_limits.StallBytes} bytes in {_limits.StallTime.TotalSeconds:0} s.", e);
                }
            }
            // A certificate that nobody trusts, or no TLS at all where it is asked for. What ends a handshake otherwise has a cause of its own within.
            if (e.InnerException is AuthenticationException { InnerException: null } refused)
                return SourceException.Permanent($"{_name} is not who it should be: {refused.Message.TrimEnd('.')}. Give it a certificate that this machine trusts, or serve the image over plain HTTP: its index verifies it.", e);
            return SourceException.Transient($"{_name} cannot be read at byte {_position}: {e.GetBaseException().Message.TrimEnd('.')}.", e);
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
