using System.Text;
using Baremetal.Netboot.Dhcp;

namespace Baremetal.Netboot.Tests.Dhcp;

public sealed class RelayInformationTests
{
    public static TheoryData<string, string?, string?> Options => new()
    {
        { "01 08 67 65 2d 30 2f 30 2f 31  02 03 73 77 37", "ge-0/0/1", "sw7" },
        { "02 03 73 77 37  01 01 37", "7", "sw7" },
        // A Cisco switch: VLAN 7, module 1, port 2; its own MAC address.
        { "01 06 00 04 00 07 01 02  02 08 00 06 00 1b 21 aa bb cc", "0x000400070102", "0x0006001b21aabbcc" },
        { "01 03 65 1b 5b", "0x651b5b", null },
        { "01 04 30 78 34 31", "0x30783431", null },
        { "01 02 c3 a9", "0xc3a9", null },
        { "01 00  02 01 20", null, " " },
        { "05 04 0a 00 00 01  97 00  02 01 61", null, "a" },
        // One of the two may be the machine's own word.
        { "01 01 61  01 01 62", null, null },
        { "02 01 61  01 01 63  02 01 62", null, null },
        { "", null, null },
        // Lengths that do not add up: nothing of it is believed.
        { "01 01 61  02 05 62", null, null },
        { "01 01 61  02", null, null },
        { "01 ff", null, null },
    };

    [Theory]
    [MemberData(nameof(Options))]
    public void Read_AnOption_IsTextOrHex(string option, string? circuit, string? remote) =>
        Assert.Equal(new RelayInformation(circuit, remote), RelayInformation.Read(Convert.FromHexString(option.Replace(" ", "", StringComparison.Ordinal))));

    [Fact]
    public void Answer_ToARequestThroughASwitch_TellsThePolicyWhichPort()
    {
        using var dhcp = new OfflineDhcp(DhcpMode.Server);
        dhcp.Expect(Fixtures.Request(DhcpMessage.Discover, more: [(DhcpOption.RelayAgent, [1, 3, .. "p/1"u8, 2, 2, 0, 9])]));
        Assert.Equal((null, "p/1", "0x0009"), (dhcp.Sightings[^1].Relay, dhcp.Sightings[^1].Circuit, dhcp.Sightings[^1].Remote));
    }

    [Fact]
    public void Read_WhatAMachinePutsBeforeTheRelaysWord_IsNotBelieved()
    {
        using var dhcp = new OfflineDhcp(DhcpMode.Server);
        dhcp.Answer(Fixtures.Request(DhcpMessage.Discover, more: [(DhcpOption.RelayAgent, [1, 3, .. "own"u8]), (DhcpOption.HostName, "n1"u8.ToArray()), (DhcpOption.RelayAgent, [2, 3, .. "sw7"u8])]));
        Assert.Equal((null, "sw7"), (dhcp.Sightings[^1].Circuit, dhcp.Sightings[^1].Remote));
    }

    [Fact]
    public void Read_WhatAMachineHidesInTheHeader_IsNotBelieved()
    {
        using var dhcp = new OfflineDhcp(DhcpMode.Server);
        var request = Fixtures.Request(DhcpMessage.Discover, more: [(DhcpOption.Overload, [1]), (DhcpOption.RelayAgent, [1, 3, .. "p/1"u8])]);
        byte[] hidden = [(byte)DhcpOption.RelayAgent, 5, 2, 3, .. "own"u8, (byte)DhcpOption.End];
        hidden.CopyTo(request, DhcpPacket.FileAt);
        dhcp.Answer(request);
        Assert.Equal(("p/1", null), (dhcp.Sightings[^1].Circuit, dhcp.Sightings[^1].Remote));
    }

    [Fact]
    public void Read_AnOptionInSeveralParts_IsReadAsOne()
    {
        using var dhcp = new OfflineDhcp(DhcpMode.Server);
        var (long1, long2) = (new string('a', 255), new string('b', 200));
        dhcp.Answer(Fixtures.Request(DhcpMessage.Discover, more: [(DhcpOption.RelayAgent, [1, 255, .. Encoding.ASCII.GetBytes(long1), 2, 200, .. Encoding.ASCII.GetBytes(long2)])]));
        Assert.Equal((long1, long2), (dhcp.Sightings[^1].Circuit, dhcp.Sightings[^1].Remote));
    }
}
