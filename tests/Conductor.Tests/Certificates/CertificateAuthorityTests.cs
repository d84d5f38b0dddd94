using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Baremetal.Conductor.Certificates;
using Baremetal.Conductor.Settings;
using Baremetal.Conductor.Tests.World;
using Baremetal.Support;

namespace Baremetal.Conductor.Tests.Certificates;

public sealed class CertificateAuthorityTests : IDisposable
{
    private static readonly DateTimeOffset Made = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset First = Made.AddYears(-1);
    private static readonly DateTimeOffset Last = Made.AddYears(10);
    private static readonly TimeSpan AMinute = TimeSpan.FromMinutes(1);

    private readonly TempFolder _folder = new();
    private readonly ManualClock _clock = new(Made);
    private readonly CertificateAuthority _authority;

    public CertificateAuthorityTests() => _authority = At(_clock);

    public void Dispose()
    {
        _authority.Dispose();
        _folder.Dispose();
    }

    private CertificateAuthority At(TimeProvider clock) => new(new StateDirectory(_folder.Path), clock);

    private static (DateTimeOffset First, DateTimeOffset Last) LifeOf(X509Certificate2 certificate) => (new DateTimeOffset(certificate.NotBefore), new DateTimeOffset(certificate.NotAfter));

    private static X509Certificate2 IssueAgent(CertificateAuthority authority)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return authority.IssueAgent(new AgentKey(key.ExportSubjectPublicKeyInfo()), "node");
    }

    [Fact]
    public void Authority_New_BeganAYearAgo()
    {
        using var ca = X509Certificate2.CreateFromPem(_authority.Pem);
        Assert.Equal((First, Last), LifeOf(ca));
    }

    [Fact]
    public void Leaf_InTheMiddle_HasItsWholeLife()
    {
        using var agent = IssueAgent(_authority);
        Assert.Equal((Made.AddHours(-1), Made.AddHours(1)), LifeOf(agent));
    }

    [Fact]
    public void Leaf_ClockBackToTheAuthoritysFirstMinute_BeginsWithIt()
    {
        using var authority = At(new ManualClock(First + AMinute));
        using var agent = IssueAgent(authority);
        using var server = authority.IssueServer([IPAddress.Loopback]);
        Assert.Equal((First, First + AMinute + CertificateAuthority.AgentLife), LifeOf(agent));
        Assert.Equal(First, LifeOf(server).First);
        Assert.True(authority.IsAgent(agent));
    }

    [Fact]
    public void Leaf_InTheAuthoritysLastMinute_EndsWithIt()
    {
        using var authority = At(new ManualClock(Last - AMinute));
        using var agent = IssueAgent(authority);
        using var server = authority.IssueServer([IPAddress.Loopback]);
        Assert.Equal((Last - AMinute - TimeSpan.FromHours(1), Last), LifeOf(agent));
        Assert.Equal(Last, LifeOf(server).Last);
        Assert.True(authority.IsAgent(agent));
    }

    [Theory]
    [InlineData(-2)]
    [InlineData(11)]
    public void Authority_ClockOutsideItsLife_RefusesToStartNamingBoth(int years)
    {
        var refusal = Assert.Throws<InvalidDataException>(() => At(new ManualClock(Made.AddYears(years))));
        Assert.Contains($"{First.UtcDateTime:u} to {Last.UtcDateTime:u}", refusal.Message, StringComparison.Ordinal);
        Assert.Contains($"{Made.Year + years}", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Leaf_AfterTheAuthoritysEnd_IsRefused()
    {
        _clock.Advance(Last - Made);
        Assert.Contains("has ended", Assert.Throws<InvalidDataException>(() => IssueAgent(_authority)).Message, StringComparison.Ordinal);
    }
}
