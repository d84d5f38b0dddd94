using Baremetal.Imaging.Formats;

namespace Baremetal.Imaging.Tests.Formats;

public sealed class ImageFormatTests
{
    [Theory]
    [InlineData("QFI\u00fb\0\0\0\u0003", 0, "qcow2")]
    [InlineData("QFI\u00fb\0\0\0\u0001", 0, "qcow version 1")]
    [InlineData("QED\0", 0, "QED")]
    [InlineData("KDMV", 0, "VMDK")]
    [InlineData("# Disk DescriptorFile\nversion=1", 0, "VMDK")]
    [InlineData("vhdxfile", 0, "VHDX")]
    [InlineData("conectix", 0, "VHD")]
    [InlineData("\u007f\u0010\u00da\u00be", 64, "VDI")]
    [InlineData("LUKS\u00ba\u00be\0\u0002", 0, "LUKS")]
    [InlineData("\u001f\u008b\u0008", 0, "gzip")]
    [InlineData("\u00fd7zXZ\0", 0, "xz")]
    [InlineData("\u0028\u00b5\u002f\u00fd", 0, "zstd")]
    [InlineData("ustar", 257, "tar or OVA")]
    [InlineData("CD001", 32769, "ISO 9660")]
    [InlineData("\u00eb\u0063\u0090", 0, "raw")]
    public void Identify_ByMagic_NamesTheFormat(string magic, int offset, string format)
    {
        var head = new byte[ImageFormat.HeadLength];
        for (var i = 0; i < magic.Length; i++)
            head[offset + i] = (byte)magic[i];

        Assert.Equal(format, ImageFormat.Identify(head, new byte[512]).Name);
    }

    [Fact]
    public void Identify_AFooterOfAFixedVhd_NamesIt()
    {
        var tail = new byte[512];
        "conectix"u8.CopyTo(tail);

        Assert.Equal("VHD", ImageFormat.Identify(new byte[ImageFormat.HeadLength], tail).Name);
    }

    [Fact]
    public void Identify_ATinyFile_IsRaw() => Assert.Equal(ImageFormat.Raw, ImageFormat.Identify([1], [1]));
}
