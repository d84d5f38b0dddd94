using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Baremetal.Support;

/// <summary>What a <see cref="RangeServer"/> does with one request instead of answering well.</summary>
/// <param name="Status">Answers with this status and nothing else.</param>
/// <param name="SendOnly">Sends so many bytes of the body, then <paramref name="Then"/>.</param>
/// <param name="Then">What follows the bytes that are sent.</param>
/// <param name="Body">Sends these bytes for the file's.</param>
/// <param name="IgnoreRange">Answers 200 with the whole file.</param>
/// <param name="Location">Goes with the status: where a redirect leads.</param>
/// <param name="BytesPerSecond">Sends the body no faster than this, by the server's clock.</param>
public sealed record Fault(
    int? Status = null, int? SendOnly = null, AfterCut Then = AfterCut.Close, byte[]? Body = null, bool IgnoreRange = false, string? Location = null, int? BytesPerSecond = null);

public enum AfterCut
{
    Close,
    Reset,
    Stall,
}

/// <summary>One request that a <see cref="RangeServer"/> got.</summary>
public sealed record RangeRequest(int Number, long From, long To);

/// <summary>
/// A web server on a loopback port that serves one file by ranges, on sockets of its own: it can cut, stall and lie in every way that a real
/// one can.
/// </summary>
public sealed class RangeServer : IDisposable
{
    private readonly byte[] _file;
    private readonly Func<RangeRequest, Fault?> _faults;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly List<RangeRequest> _requests = [];
    private readonly TimeProvider _time;
    private long _sent;

    public RangeServer(byte[] file, Func<RangeRequest, Fault?>? faults = null, TimeProvider? time = null)
    {
        _file = file;
        _time = time ?? TimeProvider.System;
        _faults = faults ?? (_ => null);
        _listener.Start();
        _ = Connections.AcceptAsync(_listener, ServeAsync, _stop.Token);
    }

    public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/image");

    /// <summary>Bytes of bodies that were handed to the kernel.</summary>
    public long Sent => Interlocked.Read(ref _sent);

    public IReadOnlyList<RangeRequest> Requests
    {
        get
        {
            lock (_gate)
                return [.. _requests];
        }
    }

    public void Dispose()
    {
        _stop.Cancel();
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task ServeAsync(Socket client, CancellationToken stop)
    {
        using var _ = client;
        await using var stream = new NetworkStream(client);
        using var reader = new StreamReader(stream, Encoding.ASCII);
        try
        {
            while (await reader.ReadLineAsync(stop) is { Length: > 0 })
            {
                string? range = null;
                while (await reader.ReadLineAsync(stop) is { Length: > 0 } header)
                {
                    if (header.StartsWith("Range: bytes=", StringComparison.OrdinalIgnoreCase))
                        range = header["Range: bytes=".Length..];
                }
                if (!await AnswerAsync(client, range, stop))
                    return;
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or SocketException)
        {
            // The client left, as it may.
        }
    }

    private async Task<bool> AnswerAsync(Socket client, string? range, CancellationToken stop)
    {
        var ends = range?.Split('-') ?? ["0", (_file.Length - 1).ToString(CultureInfo.InvariantCulture)];
        var (from, to) = (long.Parse(ends[0], CultureInfo.InvariantCulture), Math.Min(long.Parse(ends[1], CultureInfo.InvariantCulture), _file.Length - 1));
        RangeRequest request;
        lock (_gate)
        {
            request = new RangeRequest(_requests.Count + 1, from, to);
            _requests.Add(request);
        }

        var fault = _faults(request);
        if (fault?.Status is { } status)
        {
            await client.SendAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {status} Fault\r\n{(fault.Location is { } location ? $"Location: {location}\r\n" : "")}Content-Length: 0\r\n\r\n"), stop);
            return true;
        }
        if (from > to)
        {
            await client.SendAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */{_file.Length}\r\nContent-Length: 0\r\n\r\n"), stop);
            return true;
        }
        var body = (fault?.Body ?? _file).AsMemory((int)from, (int)(to - from + 1));
        var head = fault?.IgnoreRange == true
            ? $"HTTP/1.1 200 OK\r\nContent-Length: {_file.Length}\r\n\r\n"
            : $"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {from}-{to}/{_file.Length}\r\nContent-Length: {body.Length}\r\n\r\n";
        await client.SendAsync(Encoding.ASCII.GetBytes(head), stop);
        if (fault?.BytesPerSecond is { } pace)
        {
            await TrickleAsync(client, body, pace, stop);
            return true;
        }
        if (fault?.SendOnly is not { } length)
        {
            await SendAllAsync(client, body, stop);
            return true;
        }
        await SendAllAsync(client, body[..Math.Min(length, body.Length)], stop);
        if (fault.Then == AfterCut.Stall)
            await Task.Delay(Timeout.Infinite, stop);
        if (fault.Then == AfterCut.Reset)
            client.LingerState = new LingerOption(enable: true, 0);
        return false;
    }

    private async Task TrickleAsync(Socket client, ReadOnlyMemory<byte> data, int bytesPerSecond, CancellationToken stop)
    {
        while (data.Length > 0)
        {
            await Task.Delay(TimeSpan.FromSeconds(1), _time, stop);
            var part = data[..Math.Min(bytesPerSecond, data.Length)];
            await SendAllAsync(client, part, stop);
            data = data[part.Length..];
        }
    }

    private async Task SendAllAsync(Socket client, ReadOnlyMemory<byte> data, CancellationToken stop)
    {
        while (data.Length > 0)
        {
            var sent = await client.SendAsync(data, stop);
            Interlocked.Add(ref _sent, sent);
            data = data[sent..];
        }
    }
}
