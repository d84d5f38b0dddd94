using System.Diagnostics;
using Baremetal.Imaging.Signing;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Tests;

/// <summary>A raw image of 16 MiB of noise with a GPT whose second partition is an ESP, made once for all tests and signed for each conductor.</summary>
public sealed class SignedDisk : IDisposable
{
    public const int Size = 16 << 20;
    public const int EspNumber = 2;
    public const int EspFirstLba = 4096;
    public const int EspSectors = 8192;

    private readonly string _path = Path.GetTempFileName();
    private readonly MeasuredImage _measured;

    public SignedDisk()
        : this("ef00")
    {
    }

    private SignedDisk(string espType)
    {
        Bytes = new byte[Size];
        new Random(7).NextBytes(Bytes.AsSpan(1 << 20, Size - (2 << 20)));
        File.WriteAllBytes(_path, Bytes);
        using (var sgdisk = Process.Start(new ProcessStartInfo("sgdisk", ["--clear", "--new=1:2048:+1M", $"--new={EspNumber}:{EspFirstLba}:+4M", $"--typecode={EspNumber}:{espType}", "--new=3:0:0", _path]) { RedirectStandardOutput = true, UseShellExecute = false })!)
        {
            sgdisk.WaitForExit();
            Assert.Equal(0, sgdisk.ExitCode);
        }
        Bytes = File.ReadAllBytes(_path);
        var (measured, rejection) = MeasuredImage.Measure(_path, null, CancellationToken.None);
        _measured = measured ?? throw new InvalidOperationException(rejection?.ToString());
    }

    public byte[] Bytes { get; }

    /// <summary>The same, but nothing says that its second partition is an ESP.</summary>
    public static SignedDisk WithoutEsp() => new("8300");

    public void Dispose() => File.Delete(_path);

    /// <summary>Puts it into a conductor's catalogue.</summary>
    internal void AddTo(TestConductor conductor, string arch = "x86_64", params string[] firmware) => AddTo(conductor, null, arch, firmware);

    /// <summary>The same as a partition image.</summary>
    internal void AddTo(TestConductor conductor, PartitionImage? partition, string arch = "x86_64", params string[] firmware)
    {
        var statement = new ImageStatement("noise", "1", 1, DateTimeOffset.UnixEpoch, arch, firmware.Length == 0 ? ["bios", "uefi"] : firmware) { Partition = partition };
        var signed = ImageSigner.Sign(_measured, statement, conductor.ImageKey);
        conductor.Manifest = signed.Envelope;
        foreach (var blob in new[] { Bytes, signed.DiskIndex, signed.SourceIndex })
            conductor.Blobs[Digest.Of(blob).ToString()] = blob;
    }

    /// <summary>All that lies between the partition tables, which the write moves to the larger disk's ends.</summary>
    internal void AssertIsOn(MachineTree machine)
    {
        var disk = File.ReadAllBytes(AgentUnderTest.DiskPath(machine));
        Assert.Equal(0xaa55, BitConverter.ToUInt16(disk, 510));
        Assert.True(disk.AsSpan(1 << 20, Size - (2 << 20)).SequenceEqual(Bytes.AsSpan(1 << 20, Size - (2 << 20))));
    }
}
