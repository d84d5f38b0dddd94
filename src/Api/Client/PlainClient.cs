namespace Baremetal.Api.Client;

/// <summary>
/// What anyone may read over plain HTTP: the CA certificate. Nothing that comes from here is believed before its digest has been checked.
/// </summary>
public sealed class PlainClient(Uri server, TimeProvider time) : IDisposable
{
    private readonly Connection _connection = new(new SocketsHttpHandler { UseProxy = false, UseCookies = false, ConnectTimeout = TimeSpan.FromSeconds(10) }, server, token: null, time);

    /// <param name="path">Relative to the server, or a whole address.</param>
    /// <param name="retry">How often it is asked.</param>
    public Task<byte[]> GetAsync(string path, Retry retry, CancellationToken cancel) => _connection.GetBytesAsync(path, retry, cancel);

    public void Dispose() => _connection.Dispose();
}
