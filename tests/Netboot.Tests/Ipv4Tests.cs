using System.Net;

namespace Baremetal.Netboot.Tests;

public sealed class Ipv4Tests
{
    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("10.77.0.1")]
    [InlineData("255.255.255.255")]
    public void TryParse_FourNumbers_ReadsIt(string text)
    {
        Assert.True(Ipv4.TryParse(text, out var address));
        Assert.Equal(text, address.ToString());
        Assert.Equal(IPAddress.Parse(text), address.ToIPAddress());
        Assert.Equal(address, Ipv4.From(address.ToIPAddress()));
    }

    [Theory]
    [InlineData("10.77.1")]
    [InlineData("10.77.0.01")]
    [InlineData("10.77.0.256")]
    [InlineData("0x0a.77.0.1")]
    [InlineData("fe80::1")]
    [InlineData("10.77.0.1 ")]
    [InlineData("")]
    public void TryParse_AnythingElse_IsRefused(string text) => Assert.False(Ipv4.TryParse(text, out _));

    [Theory]
    [InlineData(0, "0.0.0.0")]
    [InlineData(1, "128.0.0.0")]
    [InlineData(24, "255.255.255.0")]
    [InlineData(32, "255.255.255.255")]
    public void Mask_OfAPrefix_HasThatManyBits(int prefix, string mask) => Assert.Equal(mask, Ipv4.Mask(prefix).ToString());
}
