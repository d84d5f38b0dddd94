using System.Web;
using Baremetal.Netboot.Boot;

namespace Baremetal.Netboot.Tests.Boot;

public sealed class BootUrlsTests
{
    [Theory]
    [InlineData(null)]
    [InlineData("77770000-0000-4000-8000-525400770000")]
    public void Script_ReadBack_IsTheSameMachine(string? uuid)
    {
        var machine = new Machine(Fixtures.Mac, uuid is null ? null : Guid.Parse(uuid), ClientArchitecture.EfiX64Http);
        var query = HttpUtility.ParseQueryString(new Uri(new BootUrls("http://10.77.0.1:8080").Script(machine)).Query);

        Assert.True(BootUrls.TryReadScriptQuery(query["mac"], query["uuid"], query["arch"], out var read, out _));

        Assert.Equal(machine, read);
    }

    [Fact]
    public void Script_LongestLiteralAddress_FitsTheHeaderOfADhcpReply()
    {
        var machine = new Machine(Fixtures.Mac, Guid.AllBitsSet, ClientArchitecture.EfiX64Http);
        Assert.InRange(new BootUrls("http://255.255.255.255:65535").Script(machine).Length, 1, 127);
    }

    [Theory]
    [InlineData(null, null, "0", "mac")]
    [InlineData("52:54:00:77:00", null, "0", "mac")]
    [InlineData("ff:ff:ff:ff:ff:ff", null, "0", "mac")]
    [InlineData("52:54:00:77:00:00", "77770000", "0", "uuid")]
    [InlineData("52:54:00:77:00:00", "{77770000-0000-4000-8000-525400770000}", "0", "uuid")]
    [InlineData("52:54:00:77:00:00", null, null, "arch")]
    [InlineData("52:54:00:77:00:00", null, "-1", "arch")]
    [InlineData("52:54:00:77:00:00", null, "65536", "arch")]
    [InlineData("52:54:00:77:00:00", null, " 7", "arch")]
    public void TryReadScriptQuery_NotOurs_IsRefusedByName(string? mac, string? uuid, string? arch, string named)
    {
        Assert.False(BootUrls.TryReadScriptQuery(mac, uuid, arch, out _, out var error));
        Assert.StartsWith(named, error, StringComparison.Ordinal);
    }
}
