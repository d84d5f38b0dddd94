using System.Net;
using Baremetal.Netboot.Ipv6;

namespace Baremetal.Netboot.Tests.Ipv6;

public sealed class RouterSolicitationTests
{
    private static readonly IPAddress Eui64 = IPAddress.Parse("fe80::5054:ff:fe77:5");
    private static readonly byte[] Header = [133, 0, 0, 0, 0, 0, 0, 0];

    [Fact]
    public void TryParse_WithItsLinkLayerAddress_NamesTheMachine()
    {
        Assert.True(RouterSolicitation.TryParse([.. Header, 14, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0x52, 0x54, 0, 0x77, 0, 0], IPAddress.IPv6Any, out var solicitation));
        Assert.Equal(Fixtures.Mac, solicitation.Mac);
    }

    [Fact]
    public void TryParse_FromAnAddressMadeOfTheMac_NamesTheMachine()
    {
        Assert.True(RouterSolicitation.TryParse(Header, Eui64, out var solicitation));
        Assert.Equal("52:54:00:77:00:05", solicitation.Mac.ToString());
    }

    [Theory]
    [InlineData("fe80::1234:5678:9abc:def0")] // a private identifier (RFC 8981)
    [InlineData("2001:db8::5054:ff:fe77:5")]
    [InlineData("::")]
    public void TryParse_NobodyCanTellWhoAsks_IsRefused(string source) => Assert.False(RouterSolicitation.TryParse(Header, IPAddress.Parse(source), out _));

    [Theory]
    [InlineData(new byte[] { 133, 0, 0, 0, 0, 0, 0 })]
    [InlineData(new byte[] { 134, 0, 0, 0, 0, 0, 0, 0 })]
    [InlineData(new byte[] { 133, 1, 0, 0, 0, 0, 0, 0 })]
    [InlineData(new byte[] { 133, 0, 0, 0, 0, 0, 0, 0, 1, 0 })]
    [InlineData(new byte[] { 133, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0x52, 0x54, 0, 0x77, 0, 0 })]
    [InlineData(new byte[] { 133, 0, 0, 0, 0, 0, 0, 0, 1 })]
    public void TryParse_Broken_IsRefused(byte[] message) => Assert.False(RouterSolicitation.TryParse(message, Eui64, out _));
}
