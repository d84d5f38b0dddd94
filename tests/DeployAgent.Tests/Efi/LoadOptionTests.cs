using Baremetal.DeployAgent.Efi;
using Baremetal.Imaging.PartitionTables;

namespace Baremetal.DeployAgent.Tests.Efi;

/// <summary>Load options, byte by byte.</summary>
public sealed class LoadOptionTests
{
    // What `efibootmgr -c -d /dev/vda -p 15 -L Baremetal -l '\EFI\BOOT\BOOTX64.EFI'` writes for a partition of 254 MiB at sector 2048, by the
    // structures of UEFI 2.10: 3.1.3 (load option), 10.3.5.1 (hard drive), 10.3.5.4 (file path), 10.3.1 (end).
    private const string Expected =
        "01000000" + "5e00" // active; 0x5e bytes of path list
        + "42006100720065006d006500740061006c000000" // "Baremetal"
        + "0401" + "2a00" + "0f000000" + "0008000000000000" + "00f0070000000000" // partition 15, from sector 0x800, 0x7f000 sectors
        + "04fd2d8a6e1b1c4f9a3b5c6d7e8f9012" // its GUID, mixed-endian
        + "02" + "02"
        + "0404" + "3000" + "5c004500460049005c0042004f004f0054005c0042004f004f0054005800360034002e004500460049000000"
        + "7fff0400";

    [Fact]
    public void Encode_PartitionOfAGpt_IsTheSpecificationsBytes()
    {
        var partition = new NumberedPartition(15, new GptEntry(GptEntry.EfiSystem, Guid.Parse("8a2dfd04-1b6e-4f1c-9a3b-5c6d7e8f9012"), 2048, 2048 + 0x7f000 - 1, "esp"));

        Assert.Equal(Expected, Convert.ToHexStringLower(LoadOption.Encode("Baremetal", partition, @"\EFI\BOOT\BOOTX64.EFI")));
    }

    [Theory]
    [InlineData(Expected, "Baremetal")]
    [InlineData("010000006200" + "0000", "")]
    [InlineData("010000006200" + "42006100", null)]
    [InlineData("0100", null)]
    [InlineData("", null)]
    public void DescriptionOf_AnyBytes_IsTheTextThatEnds(string option, string? description) => Assert.Equal(description, LoadOption.DescriptionOf(Convert.FromHexString(option)));
}
