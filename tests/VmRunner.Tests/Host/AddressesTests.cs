using Baremetal.VmRunner.Host;

namespace Baremetal.VmRunner.Tests.Host;

public sealed class AddressesTests
{
    [Theory]
    [InlineData("10.89.0.0/24", "", "10.89.0.20")]
    [InlineData("10.89.0.0/24", "10.89.0.20 10.89.0.21", "10.89.0.22")]
    [InlineData("10.89.0.0/29", "10.89.0.4", "10.89.0.5")]
    [InlineData("10.89.0.0/30", "10.89.0.2", null)]
    [InlineData("10.89.0.0/31", "", null)]
    [InlineData("fd00::/64", "", null)]
    [InlineData("10.89.0.0", "", null)]
    public void Free_OfANetwork_IsTheLowestThatNobodyHas(string subnet, string taken, string? address) =>
        Assert.Equal(address, Addresses.Free(subnet, taken.Split(' ').ToHashSet(StringComparer.Ordinal)));

    [Fact]
    public void NewMac_DrawnTwice_IsAnother()
    {
        Assert.Matches("^52:54:00(:[0-9a-f]{2}){3}$", Addresses.NewMac());
        Assert.True(Enumerable.Range(0, 8).Select(_ => Addresses.NewMac()).Distinct().Count() > 1);
    }
}
