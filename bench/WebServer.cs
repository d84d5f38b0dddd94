using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Baremetal.Bench;

/// <summary>
/// nginx over one folder, on loopback: its processor time comes from the same cores as what is measured. It dies with
/// the benchmark.
/// </summary>
internal sealed class WebServer : IDisposable
{
    private static readonly TimeSpan _bound = TimeSpan.FromSeconds(20);

    private readonly Process _nginx;
    private readonly int _port;

    public WebServer(string folder)
    {
        var state = Directory.CreateDirectory(Path.Combine(folder, "nginx")).FullName;
        _port = FreePort();
        var settings = Path.Combine(state, "nginx.conf");
        File.WriteAllText(settings, $$"""
            daemon off;
            master_process off;
            pid {{state}}/pid;
            error_log {{state}}/error.log;
            events { worker_connections 64; }
            http {
                access_log off;
                sendfile on;
                tcp_nopush on;
                client_body_temp_path {{state}};
                proxy_temp_path {{state}};
                fastcgi_temp_path {{state}};
                uwsgi_temp_path {{state}};
                scgi_temp_path {{state}};
                server { listen 127.0.0.1:{{_port}}; root {{folder}}; }
            }
            """);
        _nginx = Process.Start(new ProcessStartInfo("setpriv", ["--pdeathsig", "KILL", "/usr/sbin/nginx", "-c", settings, "-e", Path.Combine(state, "error.log")]))!;
        WaitUntilItAnswers();
    }

    public string AddressOf(string path) => $"http://127.0.0.1:{_port}/{Path.GetFileName(path)}";

    public void Dispose()
    {
        _nginx.Kill();
        _nginx.WaitForExit();
        _nginx.Dispose();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private void WaitUntilItAnswers()
    {
        for (var begun = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(begun) < _bound; Thread.Sleep(20))
        {
            try
            {
                using var client = new TcpClient("127.0.0.1", _port);
                return;
            }
            catch (SocketException) when (!_nginx.HasExited)
            {
                // Not yet.
            }
        }
        throw new TimeoutException($"nginx did not answer on port {_port} within {_bound}.");
    }
}
