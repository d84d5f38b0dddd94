using System.Net;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Baremetal.Api.Client;
using Baremetal.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Baremetal.Api.Tests.Client;

/// <summary>Who is believed to be the conductor, and who is not.</summary>
public sealed class PinnedHttpTests : IDisposable
{
    private readonly TestCa _ca = new();
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _ca.Dispose();

    [Fact]
    public async Task Handler_ServerOfTheCa_IsBelieved()
    {
        Assert.Equal("hello", await GetAsync(_ca, _ca, CertificateTimes.Enforced, IPAddress.Loopback));
    }

    [Fact]
    public async Task Handler_ServerOfAnotherCa_IsRefused()
    {
        using var other = new TestCa();

        await AssertRefusedAsync(GetAsync(other, _ca, CertificateTimes.Ignored, IPAddress.Loopback));
    }

    [Fact]
    public async Task Handler_CertificateForAnotherAddress_IsRefused()
    {
        await AssertRefusedAsync(GetAsync(_ca, _ca, CertificateTimes.Ignored, IPAddress.Parse("127.0.0.2")));
    }

    [Fact]
    public async Task Handler_TheCasClientCertificateAsServer_IsRefused()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=agent", key, HashAlgorithmName.SHA256);
        using var client = Client(request.CreateSigningRequest(), key);

        await AssertRefusedAsync(GetAsync(client, _ca, CertificateTimes.Ignored));
    }

    [Theory]
    [InlineData(-7300)]
    [InlineData(-20)]
    [InlineData(20)]
    [InlineData(7300)]
    public async Task Handler_CertificatesOfAnotherTime_CountOnlyWhereThereIsAClock(int days)
    {
        var start = TimeProvider.System.GetUtcNow().AddDays(days);
        using var ca = new TestCa(start, start.AddDays(10));

        Assert.Equal("hello", await GetAsync(ca, ca, CertificateTimes.Ignored, IPAddress.Loopback));
        await AssertRefusedAsync(GetAsync(ca, ca, CertificateTimes.Enforced, IPAddress.Loopback));
    }

    [Fact]
    public async Task Handler_ClientCertificate_IsPresented()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var client = Client(new CertificateRequest("CN=agent", key, HashAlgorithmName.SHA256).CreateSigningRequest(), key);
        await using var server = await TlsServer.StartAsync(_ca.Server(IPAddress.Loopback), app =>
            app.MapGet("/", (HttpContext context) => context.Connection.ClientCertificate?.Subject ?? "nobody"));

        using var http = new HttpClient(PinnedHttp.Handler(_ca.Certificate, CertificateTimes.Ignored, client));

        Assert.Equal("CN=node 7", await http.GetStringAsync(server.Address, Cancel));
    }

    [Fact]
    public void TryTakeCa_ThePinnedOne_IsTaken()
    {
        Assert.True(PinnedHttp.TryTakeCa(_ca.Certificate.ExportCertificatePem(), PinnedHttp.PinOf(_ca.Certificate), out var ca, out _));
        Assert.Equal(_ca.Certificate.RawData, ca.RawData);
        ca.Dispose();
    }

    [Fact]
    public void TryTakeCa_AnotherOne_IsRefusedNamingBothPins()
    {
        using var other = new TestCa();

        Assert.False(PinnedHttp.TryTakeCa(other.Certificate.ExportCertificatePem(), PinnedHttp.PinOf(_ca.Certificate), out _, out var cause));
        Assert.Contains(PinnedHttp.PinOf(_ca.Certificate), cause, StringComparison.Ordinal);
        Assert.Contains(PinnedHttp.PinOf(other.Certificate), cause, StringComparison.Ordinal);
    }

    [Fact]
    public void TryTakeCa_NoCertificate_IsRefused()
    {
        Assert.False(PinnedHttp.TryTakeCa("<html>", PinnedHttp.PinOf(_ca.Certificate), out _, out var cause));
        Assert.Contains("cannot be read", cause, StringComparison.Ordinal);
    }

    private X509Certificate2 Client(byte[] csr, ECDsa key)
    {
        var now = TimeProvider.System.GetUtcNow();
        using var bare = _ca.Client(csr, "node 7", now.AddHours(-1), now.AddHours(1));
        using var withKey = bare.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pkcs12), password: null);
    }

    private static async Task<string> GetAsync(TestCa serversCa, TestCa pinned, CertificateTimes times, IPAddress name)
    {
        using var certificate = serversCa.Server(name);
        return await GetAsync(certificate, pinned, times);
    }

    private static async Task<string> GetAsync(X509Certificate2 certificate, TestCa pinned, CertificateTimes times)
    {
        await using var server = await TlsServer.StartAsync(certificate, app => app.MapGet("/", () => "hello"));
        using var http = new HttpClient(PinnedHttp.Handler(pinned.Certificate, times));
        return await http.GetStringAsync(server.Address, Cancel);
    }

    private static async Task AssertRefusedAsync(Task call)
    {
        var refused = await Assert.ThrowsAsync<HttpRequestException>(() => call);
        Assert.IsType<AuthenticationException>(refused.InnerException);
    }
}
