using Baremetal.Netboot.Boot;
using Baremetal.Netboot.Dhcp;

namespace Baremetal.Netboot.Tests.Boot;

public sealed class PxeClientTests
{
    private const byte Http = 19, BzImage = 24;

    [Theory]
    [InlineData("bios", true, ClientKind.Ipxe, ClientArchitecture.Bios)]
    [InlineData("uefi", false, ClientKind.Firmware, ClientArchitecture.EfiX64)]
    [InlineData("uefi", true, ClientKind.Ipxe, ClientArchitecture.EfiX64)]
    [InlineData("uefi-http", false, ClientKind.HttpBoot, ClientArchitecture.EfiX64Http)]
    public void Read_CapturedFirmware_IsKnown(string capture, bool ipxe, object kind, object architecture)
    {
        var client = PxeClient.Read(Fixtures.Packet(Captured.Discover(capture, ipxe)));
        Assert.Equal((kind, architecture, false), (client.Kind, client.Architecture, client.LacksHttp));
    }

    [Fact]
    public void Read_NothingSaid_IsASystem() => Assert.Equal(ClientKind.System, Read().Kind);

    [Fact]
    public void Read_UserClassWithItsLengthByte_IsIpxe() => Assert.Equal(ClientKind.Ipxe, Read((DhcpOption.UserClass, "\u0004iPXE"u8.ToArray())).Kind);

    [Fact]
    public void Read_NoOption93_TakesTheArchitectureFromTheVendorClass() =>
        Assert.Equal(ClientArchitecture.EfiX64, Read((DhcpOption.VendorClass, "PXEClient:Arch:00007:UNDI:003016"u8.ToArray())).Architecture);

    [Fact]
    public void Read_NothingButPxeClient_IsBios() => Assert.Equal((ClientKind.Firmware, ClientArchitecture.Bios), Kind(Read((DhcpOption.VendorClass, "PXEClient"u8.ToArray()))));

    [Fact]
    public void Read_Option93ListsTwo_TheFirstIsInUse() =>
        Assert.Equal(ClientArchitecture.EfiX64, Read((DhcpOption.VendorClass, "PXEClient"u8.ToArray()), (DhcpOption.ClientArchitecture, [0, 7, 0, 0])).Architecture);

    [Fact]
    public void Read_IpxeThatListsHttp_NeedsNoOther() => Assert.False(Read((DhcpOption.Ipxe, [BzImage, 1, 1, Http, 1, 1])).LacksHttp);

    [Theory]
    [InlineData(new byte[] { BzImage, 1, 1 })]
    [InlineData(new byte[] { BzImage, 1, 1, Http, 1, 0 })]
    public void Read_IpxeThatListsNoHttp_LacksIt(byte[] features) => Assert.True(Read((DhcpOption.Ipxe, features)).LacksHttp);

    [Theory]
    [InlineData(new byte[] { })]
    [InlineData(new byte[] { 177, 5, 1, 0x1a, 0xf4, 0x10, 0 })]
    [InlineData(new byte[] { 177, 200, 1 })]
    public void Read_IpxeThatListsNothing_IsNotChainedAgain(byte[] encapsulated) =>
        Assert.False(Read((DhcpOption.UserClass, "iPXE"u8.ToArray()), (DhcpOption.Ipxe, encapsulated)).LacksHttp);

    [Theory]
    [InlineData(17, 0, true)]
    [InlineData(17, 1, false)]
    [InlineData(16, 0, false)]
    public void Read_MachineIdentifier_IsTakenInItsOneForm(int length, byte type, bool taken)
    {
        var value = new byte[length];
        value[0] = type;
        value[^1] = 1;
        Assert.Equal(taken, Read((DhcpOption.MachineIdentifier, value)).Uuid is not null);
    }

    [Fact]
    public void Read_MachineIdentifierOfOnes_IsNone() => Assert.Null(Read((DhcpOption.MachineIdentifier, [0, .. Enumerable.Repeat((byte)255, 16)])).Uuid);

    private static (ClientKind, ClientArchitecture) Kind(PxeClient client) => (client.Kind, client.Architecture);

    private static PxeClient Read(params (DhcpOption, byte[])[] options) => PxeClient.Read(Fixtures.Packet(Fixtures.Request(DhcpMessage.Discover, more: options)));
}
