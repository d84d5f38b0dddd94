using System.Diagnostics.CodeAnalysis;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Baremetal.Api.Client;

/// <summary>
/// HTTPS that trusts one CA certificate and nothing else. The chain must end in it, and the server's certificate must name the host
/// that was called (RFC 6125; addresses are iPAddress SANs).
/// </summary>
public static class PinnedHttp
{
    private const string PinPrefix = "sha256:";

    /// <summary>Makes the handler. A server that cannot prove itself ends in an <see cref="AuthenticationException"/> before a byte is sent to it.</summary>
    /// <param name="ca">The only root.</param>
    /// <param name="clock">Whether certificate times are held against this machine's clock.</param>
    /// <param name="client">The certificate, with its private key, that this side proves itself with.</param>
    public static SocketsHttpHandler Handler(X509Certificate2 ca, CertificateTimes clock, X509Certificate2? client = null)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            CustomTrustStore = { ca },
            // The conductor's CA publishes no lists, and a chain that can be built from the handshake alone is the only kind that we take.
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
            VerificationFlags = clock == CertificateTimes.Ignored ? X509VerificationFlags.IgnoreNotTimeValid : X509VerificationFlags.NoFlag,
        };
        return new SocketsHttpHandler
        {
            SslOptions = new SslClientAuthenticationOptions
            {
                CertificateChainPolicy = policy,
                ClientCertificateContext = client is null ? null : SslStreamCertificateContext.Create(client, additionalCertificates: null, offline: true),
                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            },
            ConnectTimeout = TimeSpan.FromSeconds(10),
            ConnectCallback = static async (context, cancel) => new NetworkStream(await ConnectAsync(context.DnsEndPoint, cancel), ownsSocket: true),
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
        };
    }

    /// <summary>
    /// Takes a CA certificate that came over a path without trust, if it is the one that the pin names:
    /// <c>sha256:</c> and the hex digest of its DER.
    /// </summary>
    public static bool TryTakeCa(ReadOnlySpan<char> pem, string pin, [NotNullWhen(true)] out X509Certificate2? ca, [NotNullWhen(false)] out string? cause)
    {
        ca = null;
        cause = null;
        try
        {
            ca = X509Certificate2.CreateFromPem(pem);
        }
        catch (CryptographicException e)
        {
            cause = $"The CA certificate cannot be read: {e.Message}";
            return false;
        }
        if (pin == PinOf(ca))
            return true;
        cause = $"The CA certificate is {PinOf(ca)}, but the pin is {pin}: somebody else's server answered, or the conductor has a new CA.";
        ca.Dispose();
        ca = null;
        return false;
    }

    public static string PinOf(X509Certificate2 ca) => PinPrefix + ca.GetCertHashString(HashAlgorithmName.SHA256).ToLowerInvariant();

    // A peer that vanishes without a word must not hold a waiting call forever: after 15 s of silence TCP asks, and gives up 15 s later.
    private static async Task<Socket> ConnectAsync(System.Net.DnsEndPoint server, CancellationToken cancel)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 15);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 5);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 3);
            await socket.ConnectAsync(server, cancel);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}

/// <summary>Whether the times in certificates count.</summary>
public enum CertificateTimes
{
    /// <summary>For operators, whose machines have a clock.</summary>
    Enforced,

    /// <summary>For an agent: a server's real-time clock can stand anywhere, and the pin alone decides.</summary>
    Ignored,
}
