using System.Text;
using Baremetal.Netboot.Tftp;

namespace Baremetal.Netboot.Tests.Tftp;

public sealed class TftpRequestTests
{
    [Fact]
    public void TryParse_CapturedFirmware_IsReadWithItsOptions()
    {
        TftpRequest[] read = [.. Captured.TftpRequests("uefi-sb").Select(one => TftpRequest.TryParse(one.Payload, out var request, out _) ? request : null!)];
        Assert.Contains(new TftpRequest("sb/shimx64.efi", 1468, true, null, 4), read);
        Assert.Contains(new TftpRequest("sb/shimx64.efi", 1468, false, null, 4), read);
        Assert.Contains(new TftpRequest("sb/grubx64.efi", 512, false, null, 4), read);
        Assert.Contains(new TftpRequest("grub/grub.cfg", 1024, true, null, null), read);
        Assert.All(read, Assert.NotNull);
    }

    [Theory]
    [InlineData("\u0001f|OCTET|", "f   ")]
    [InlineData("\u0001///f|octet|", "f   ")]
    [InlineData("\u0001f|octet|BlkSize|1024|", "f 1024  ")]
    [InlineData("\u0001f|octet|blksize|7|windowsize|0|timeout|256|", "f   ")]
    [InlineData("\u0001f|octet|blksize|65465|", "f   ")]
    [InlineData("\u0001f|octet|blksize|-1|", "f   ")]
    [InlineData("\u0001f|octet|blksize|99999999999|", "f   ")]
    [InlineData("\u0001f|octet|multicast||timeout|9|windowsize|65535|", "f  9 65535")]
    [InlineData("\u0001f|octet|blksize", "f   ")]
    public void TryParse_Request_IsRead(string packet, string expected)
    {
        Assert.True(TftpRequest.TryParse(Packet(packet), out var request, out _));
        Assert.Equal(expected, $"{request.File} {request.BlockSize} {request.Timeout} {request.WindowSize}");
    }

    [Theory]
    [InlineData("\u0002f|octet|", nameof(TftpRejection.Write))]
    [InlineData("\u0003f|octet|", nameof(TftpRejection.NotARequest))]
    [InlineData("", nameof(TftpRejection.NotARequest))]
    [InlineData("\u0001f|netascii|", nameof(TftpRejection.NotOctet))]
    [InlineData("\u0001f|mail|", nameof(TftpRejection.NotOctet))]
    [InlineData("\u0001|octet|", nameof(TftpRejection.BadText))]
    [InlineData("\u0001f|octet", nameof(TftpRejection.BadText))]
    [InlineData("\u0001f\n|octet|", nameof(TftpRejection.BadText))]
    [InlineData("\u0001é|octet|", nameof(TftpRejection.BadText))]
    public void TryParse_AnythingElse_IsRejectedWithItsReason(string packet, string reason)
    {
        Assert.False(TftpRequest.TryParse(Packet(packet), out _, out var rejection));
        Assert.Equal(reason, rejection.ToString());
    }

    [Fact]
    public void TryParse_LongerThanAnyRequest_IsRejected()
    {
        Assert.False(TftpRequest.TryParse(Packet($"\u0001{new string('f', 512)}|octet|"), out _, out var rejection));
        Assert.Equal(TftpRejection.TooLong, rejection);
    }

    [Theory]
    [InlineData(1500, 65464, 1468)]
    [InlineData(1500, 1024, 1024)]
    [InlineData(1500, 8, 8)]
    [InlineData(9000, 65464, 8968)]
    [InlineData(1500, null, 512)]
    [InlineData(68, null, 512)]
    public void Agree_BlockSize_FitsTheLinkAndIsNeverRaised(int mtu, int? asked, int agreed) =>
        Assert.Equal(agreed, TftpTerms.Agree(new TftpRequest("f", asked, false, null, null), 1, mtu).BlockSize);

    private static byte[] Packet(string text) => text.Length == 0 ? [] : [0, .. Encoding.Latin1.GetBytes(text.Replace('|', '\0'))];
}
