using Baremetal.Imaging.Streaming;
using Baremetal.Imaging.Tests.Formats;
using Baremetal.Support;

namespace Baremetal.Imaging.Tests.Streaming;

/// <summary>Legal images of layouts that nobody's tool makes: what we write is what <c>qemu-img convert</c> reads of them.</summary>
public sealed class LayoutTests
{
    [Fact]
    public void Write_AnyLegalLayout_EqualsQemuImg()
    {
        for (var seed = Soak.FirstSeed; seed < Soak.FirstSeed + Soak.Cases(60, inSoak: 10_000); seed++)
        {
            using var folder = new TestFolder();
            var built = Qcow2Builder.Build(seed);
            var what = $"seed {seed} ({built.What})";
            File.WriteAllBytes(folder["disk.qcow2"], built.File);
            Shell.Run("qemu-img", "check", "-q", "-f", "qcow2", folder["disk.qcow2"]);
            Shell.Run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", folder["disk.qcow2"], folder["reference.raw"]);
            var reference = File.ReadAllBytes(folder["reference.raw"]);
            Assert.True(built.Disk.AsSpan().SequenceEqual(reference), $"{what}: qemu-img reads another disk than was built");
            var noise = new byte[built.Disk.Length];
            new Random(seed).NextBytes(noise);
            var target = new RecordingTarget(noise);

            var outcome = Writing.To(target, TestImage.Sign(folder["disk.qcow2"]), new WriteOptions(Cores: 1 + (seed % 4)));

            Assert.True(outcome.Status == WriteStatus.Written, $"{what}: {outcome.Reason}");
            Assert.True(target.Disk.AsSpan().SequenceEqual(reference), $"{what} differs");
        }
    }
}
