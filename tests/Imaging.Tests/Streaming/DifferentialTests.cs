using Baremetal.Imaging.Streaming;
using Baremetal.Support;

namespace Baremetal.Imaging.Tests.Streaming;

/// <summary>What we write against what <c>qemu-img convert</c> and <c>sgdisk -e</c> make of the same image: every byte of the disk.</summary>
public sealed class DifferentialTests
{
    private const long MiB = 1 << 20;

    public static TheoryData<string, long, string[]> Conversions => new()
    {
        { "raw", 40 * MiB, ["-O", "raw"] },
        { "plain", 40 * MiB, [] },
        { "zlib", 40 * MiB, ["-c"] },
        { "zstd", 40 * MiB, ["-c", "-o", "compression_type=zstd"] },
        { "2 MiB clusters", 40 * MiB, ["-o", "cluster_size=2M"] },
        { "2 MiB clusters, zlib", 40 * MiB, ["-c", "-o", "cluster_size=2M"] },
        { "2 MiB clusters, zstd", 40 * MiB, ["-c", "-o", "cluster_size=2M,compression_type=zstd"] },
        { "512-byte clusters", 12 * MiB, ["-o", "cluster_size=512"] },
        { "512-byte clusters, zlib", 12 * MiB, ["-c", "-o", "cluster_size=512"] },
        { "4 KiB clusters, zstd", 20 * MiB, ["-c", "-o", "cluster_size=4k,compression_type=zstd"] },
        { "subclusters", 40 * MiB, ["-o", "extended_l2=on"] },
        { "subclusters, zstd", 40 * MiB, ["-c", "-o", "extended_l2=on,compression_type=zstd"] },
        { "version 2", 20 * MiB, ["-c", "-o", "compat=0.10"] },
        { "odd size", (20 * MiB) + 512, ["-c"] },
        { "odd size, plain", (21 * MiB) - 1024, [] },
        { "odd size, 2 MiB clusters", (21 * MiB) + 1536, ["-c", "-o", "cluster_size=2M"] },
        { "preallocated", 20 * MiB, ["-o", "preallocation=metadata"] },
    };

    [Theory]
    [MemberData(nameof(Conversions))]
    public void Write_WhatQemuImgConverts_EqualsItsRawOutput(string name, long size, string[] options)
    {
        using var folder = new TestFolder();
        var raw = folder.MakeDisk("disk.raw", size, seed: name.Length);
        var image = TestImage.Sign(options.Contains("raw") ? raw : folder.Convert(raw, "disk.qcow2", options));
        var target = new RecordingTarget(Noise((int)(size + (9 * MiB))));

        var outcome = Writing.To(target, image);

        Assert.Equal(WriteStatus.Written, outcome.Status);
        AssertIsFitted(folder, image.Path, raw, target, Noise(target.Disk.Length));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(512)]
    [InlineData(3 << 20)]
    public void Write_OnADiskHardlyLarger_MovesTheBackupTable(long more)
    {
        using var folder = new TestFolder();
        var raw = folder.MakeDisk("disk.raw", 20 * MiB, seed: 5);
        var image = TestImage.Sign(folder.Convert(raw, "disk.qcow2", "-c"));
        var target = new RecordingTarget(Noise((int)((20 * MiB) + more)));

        Assert.Equal(WriteStatus.Written, Writing.To(target, image).Status);

        AssertIsFitted(folder, image.Path, raw, target, Noise(target.Disk.Length));
    }

    [Fact]
    public void Write_RandomImages_EqualsQemuImg()
    {
        for (var seed = Soak.FirstSeed; seed < Soak.FirstSeed + Soak.Cases(24, inSoak: 10_000); seed++)
        {
            using var folder = new TestFolder();
            var random = new Random(seed);
            var size = 512 * random.NextInt64(1, 20_000);
            var raw = folder.MakeDisk("disk.raw", size, seed, gpt: false);
            var options = new List<string>();
            if (random.Next(3) > 0)
                options.Add("-c");
            var layout = $"cluster_size={512 << random.Next(13)}";
            if (random.Next(2) == 0)
                layout += ",compression_type=zstd";
            options.AddRange(["-o", layout, "-S", $"{512 << random.Next(8)}"]);
            var image = TestImage.Sign(folder.Convert(raw, "disk.qcow2", [.. options]));
            var target = new RecordingTarget(Noise((int)size));

            var outcome = Writing.To(target, image, new WriteOptions(Cores: 1 + random.Next(4)));

            Assert.True(outcome.Status == WriteStatus.Written, $"seed {seed} ({string.Join(' ', options)}): {outcome.Reason}");
            Assert.True(target.Disk.AsSpan().SequenceEqual(File.ReadAllBytes(raw)), $"seed {seed} ({string.Join(' ', options)}) differs");
        }
    }

    // The reference: qemu-img's raw output on a disk of the target's size, its ends blanked as promised, its table moved by sgdisk.
    private static void AssertIsFitted(TestFolder folder, string image, string raw, RecordingTarget target, byte[] before)
    {
        Shell.Run("qemu-img", "convert", "-O", "raw", image, folder["reference.raw"]);
        var reference = File.ReadAllBytes(folder["reference.raw"]);
        Assert.Equal(File.ReadAllBytes(raw), reference);
        before.AsSpan(^(4 << 20)..).Clear();
        reference.CopyTo(before, 0);
        File.WriteAllBytes(folder["reference.raw"], before);
        Shell.Run("sgdisk", "--move-second-header", folder["reference.raw"]);

        File.WriteAllBytes(folder["written.raw"], target.Disk);
        var different = Shell.Run("sh", "-c", $"cmp -l '{folder["reference.raw"]}' '{folder["written.raw"]}' | head -20");
        Assert.Equal("", different);
    }

    private static byte[] Noise(int length)
    {
        var noise = new byte[length];
        new Random(99).NextBytes(noise);
        return noise;
    }
}
