using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Baremetal.Bench;

/// <summary>
/// Serves one file by ranges with sendfile(2), as a good web server does: its processor time comes from the same cores as what is measured.
/// </summary>
internal sealed partial class FileServer : IDisposable
{
    private readonly SafeFileHandle _file;
    private readonly long _size;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

    public FileServer(string path)
    {
        _file = File.OpenHandle(path);
        _size = RandomAccess.GetLength(_file);
        _listener.Start();
        new Thread(Accept) { IsBackground = true }.Start();
    }

    public string Address => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/image";

    public void Dispose()
    {
        _listener.Dispose();
        _file.Dispose();
    }

    private void Accept()
    {
        try
        {
            while (true)
            {
                var client = _listener.AcceptSocket();
                new Thread(() => Serve(client)) { IsBackground = true }.Start();
            }
        }
        catch (SocketException)
        {
            // Disposed.
        }
    }

    private void Serve(Socket client)
    {
        using (client)
        using (var reader = new StreamReader(new NetworkStream(client), Encoding.ASCII))
        {
            try
            {
                while (reader.ReadLine() is { Length: > 0 })
                {
                    var (from, to) = (0L, _size - 1);
                    while (reader.ReadLine() is { Length: > 0 } header)
                    {
                        if (header.StartsWith("Range: bytes=", StringComparison.OrdinalIgnoreCase) && header[13..].Split('-') is [var first, var last])
                            (from, to) = (long.Parse(first, CultureInfo.InvariantCulture), Math.Min(to, long.Parse(last, CultureInfo.InvariantCulture)));
                    }
                    client.Send(Encoding.ASCII.GetBytes($"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {from}-{to}/{_size}\r\nContent-Length: {to - from + 1}\r\n\r\n"));
                    while (from <= to)
                    {
                        if (SendFile(client.SafeHandle, _file, ref from, (nint)(to - from + 1)) <= 0)
                            return;
                    }
                }
            }
            catch (IOException)
            {
                // The client has what it wanted.
            }
        }
    }

    [LibraryImport("libc.so.6", EntryPoint = "sendfile", SetLastError = true)]
    private static partial nint SendFile(SafeHandle socket, SafeHandle file, ref long offset, nint count);
}
