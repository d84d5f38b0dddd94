namespace Baremetal.Netboot.Tests;

public sealed class MacAddressTests
{
    [Theory]
    [InlineData("52:54:00:77:00:0a", "52:54:00:77:00:0a")]
    [InlineData("52-54-00-77-00-0A", "52:54:00:77:00:0a")]
    public void TryParse_ColonsOrDashes_ReadsIt(string text, string expected)
    {
        Assert.True(MacAddress.TryParse(text, out var mac));
        Assert.Equal(expected, mac.ToString());
        Assert.True(mac.IsStation);
    }

    [Theory]
    [InlineData("")]
    [InlineData("52:54:00:77:00")]
    [InlineData("52:54:00:77:00:0g")]
    [InlineData("52:54-00:77:00:0a")]
    [InlineData("52.54.00.77.00.0a")]
    [InlineData("52:54:00:77:00:0a ")]
    [InlineData(" 2:54:00:77:00:0a")]
    [InlineData("+2:54:00:77:00:0a")]
    public void TryParse_AnythingElse_IsRefused(string text) => Assert.False(MacAddress.TryParse(text, out _));

    [Theory]
    [InlineData("00:00:00:00:00:00")]
    [InlineData("ff:ff:ff:ff:ff:ff")]
    [InlineData("01:00:5e:00:00:01")]
    public void IsStation_NoMachinesAddress_IsFalse(string text) => Assert.False(Fixtures.Parse(text).IsStation);

    [Fact]
    public void ToBootIf_HasTheHardwareTypeFirst() => Assert.Equal("01-52-54-00-77-00-0a", Fixtures.Parse("52:54:00:77:00:0a").ToBootIf());

    [Fact]
    public void From_CopyTo_IsTheSameBytes()
    {
        byte[] bytes = [0x52, 0x54, 0x00, 0x77, 0xfe, 0x0a];
        var copy = new byte[6];
        MacAddress.From(bytes).CopyTo(copy);
        Assert.Equal(bytes, copy);
    }
}
