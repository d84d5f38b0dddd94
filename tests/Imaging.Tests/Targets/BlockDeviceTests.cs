using Baremetal.Imaging.Native;
using Baremetal.Imaging.Streaming;
using Baremetal.Imaging.Targets;

namespace Baremetal.Imaging.Tests.Targets;

/// <summary>Real block devices: loop devices with sectors of either size.</summary>
public sealed class BlockDeviceTests
{
    private const long DiskSize = 48L << 20;

    [Fact]
    public void Write_ToADiskOf512ByteSectors_EqualsTheImage()
    {
        using var folder = new TestFolder();
        var raw = folder.MakeDisk("disk.raw", DiskSize, seed: 12);
        var image = TestImage.Sign(folder.Convert(raw, "disk.qcow2", "-c"));
        using var loop = new LoopDevice(folder["loop"], DiskSize, sectorSize: 512);
        using (var target = Open(loop.Path))
        {
            Assert.Equal(512, target.SectorSize);
            Assert.Equal(DiskSize, target.Size);
            Assert.True(target.ZerosBesideData, "A loop device has no heads to move.");
            var outcome = Writing.To(target, image, new WriteOptions(ReadBack: true));
            Assert.True(outcome.Status == WriteStatus.Written, outcome.Reason?.ToString());
        }

        Assert.Equal("", Shell.Run("cmp", raw, loop.Path));
    }

    [Fact]
    public void Write_ToADiskOf4096ByteSectors_EqualsTheImage()
    {
        using var folder = new TestFolder();
        var raw = folder.MakeDisk("disk.raw", DiskSize, seed: 13, gpt: false);
        using (var loop = new LoopDevice(raw, null, sectorSize: 4096))
            Shell.Run("sgdisk", "--clear", "--new=1:0:0", loop.Path);
        var image = TestImage.Sign(folder.Convert(raw, "disk.qcow2", "-c"));
        Assert.Equal(4096, image.Verified.Manifest.Predicate.Disk.SectorSize);
        using var disk = new LoopDevice(folder["loop"], DiskSize + (8 << 20), sectorSize: 4096);
        using (var target = Open(disk.Path))
        {
            var outcome = Writing.To(target, image, new WriteOptions(ReadBack: true));
            Assert.True(outcome.Status == WriteStatus.Written, outcome.Reason?.ToString());
        }

        Assert.Contains("No problems found", Shell.Run("sgdisk", "--verify", disk.Path), StringComparison.Ordinal);
        Assert.Equal("", Shell.Run("cmp", "--ignore-initial=1048576", $"--bytes={DiskSize - (3 << 20)}", raw, disk.Path));
    }

    [Fact]
    public void Read_OfWhatTheMediumLost_SeesItPastTheKernelsCache()
    {
        using var folder = new TestFolder();
        using var loop = new LoopDevice(folder["loop"], DiskSize, sectorSize: 512);
        using var target = Open(loop.Path);
        using var block = new AlignedBuffer(1 << 20);
        block.Span.Fill(7);
        target.Write(8 << 20, block.Span);
        target.Flush();
        // Now the kernel holds the block, and then the medium changes under it.
        Shell.Run("dd", $"if={loop.Path}", "of=/dev/null", "bs=1M", "status=none");
        using (var medium = File.OpenWrite(folder["loop"]))
        {
            medium.Position = (8 << 20) + 4096;
            medium.WriteByte(9);
        }

        target.Read(8 << 20, block.Span);

        Assert.Equal(9, block.Span[4096]);
    }

    [Fact]
    public void Write_ForOtherSectors_IsRefused()
    {
        using var folder = new TestFolder();
        var image = TestImage.Sign(folder.MakeDisk("disk.raw", DiskSize, seed: 14));
        using var loop = new LoopDevice(folder["loop"], DiskSize, sectorSize: 4096);
        using var target = Open(loop.Path);

        var outcome = Writing.To(target, image);

        Assert.Equal(WriteStatus.Refused, outcome.Status);
        Assert.Contains("sectors of 512 bytes", outcome.Reason!.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_AMountedDisk_IsRefusedNamingWhereItIsMounted()
    {
        using var folder = new TestFolder();
        using var loop = new LoopDevice(folder["loop"], DiskSize, sectorSize: 512);
        Shell.Run("mkfs.ext4", "-q", loop.Path);
        Directory.CreateDirectory(folder["mount"]);
        Shell.Run("mount", loop.Path, folder["mount"]);
        try
        {
            var (target, rejection) = BlockTarget.Open(loop.Path, 0);

            Assert.Null(target);
            Assert.Contains($"{loop.Path} is in use ({loop.Path} is mounted at {folder["mount"]})", rejection!.Cause, StringComparison.Ordinal);
        }
        finally
        {
            Shell.Run("umount", folder["mount"]);
        }
    }

    [Fact]
    public void Open_ADiskThatIsReadOnly_IsRefused()
    {
        using var folder = new TestFolder();
        using var loop = new LoopDevice(folder["loop"], DiskSize, sectorSize: 512, "--read-only");

        var (target, rejection) = BlockTarget.Open(loop.Path, 0);

        Assert.Null(target);
        Assert.Contains($"{loop.Path} is read-only", rejection!.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_ALinkToADisk_IsTheDisk()
    {
        using var folder = new TestFolder();
        using var loop = new LoopDevice(folder["loop"], DiskSize, sectorSize: 512);
        File.CreateSymbolicLink(folder["link"], loop.Path);

        var (target, rejection) = BlockTarget.Open(folder["link"], 0);

        using (target)
            Assert.Equal((512, DiskSize), (target?.SectorSize, target?.Size));
        Assert.Null(rejection);
    }

    [Fact]
    public void Open_TheFileBehindALoopDevice_IsRefusedNamingIt()
    {
        using var folder = new TestFolder();
        using var loop = new LoopDevice(folder["loop"], DiskSize, sectorSize: 512);
        File.CreateSymbolicLink(folder["link"], folder["loop"]);

        foreach (var path in new[] { folder["loop"], folder["link"] })
        {
            var (target, rejection) = BlockTarget.Open(path, 0);

            Assert.Null(target);
            Assert.Contains($"{path} is in use (it is behind {loop.Path})", rejection!.Cause, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Open_ADiskThatIsNotThere_MakesNoFile()
    {
        var (target, rejection) = BlockTarget.Open("/dev/baremetal-no-such-disk", 1 << 20);

        Assert.Null(target);
        Assert.Contains("does not exist", rejection!.Cause, StringComparison.Ordinal);
        Assert.False(File.Exists("/dev/baremetal-no-such-disk"));
    }

    [Fact]
    public void File_ThatIsNotThere_IsMadeAtTheImagesSize()
    {
        using var folder = new TestFolder();
        var raw = folder.MakeDisk("disk.raw", DiskSize, seed: 15);
        var image = TestImage.Sign(raw);
        var (target, rejection) = BlockTarget.Open(folder["new.raw"], DiskSize);
        Assert.True(target is not null, rejection?.ToString());
        using (target)
            Assert.Equal(WriteStatus.Written, Writing.To(target, image, new WriteOptions(ReadBack: true)).Status);

        Assert.Equal("", Shell.Run("cmp", raw, folder["new.raw"]));
    }

    private static IBlockTarget Open(string path)
    {
        var (target, rejection) = BlockTarget.Open(path, 0);
        Assert.True(target is not null, rejection?.ToString());
        return target;
    }
}

/// <summary>A loop device over a file; it needs root, as the whole project does.</summary>
internal sealed class LoopDevice : IDisposable
{
    public LoopDevice(string file, long? size, int sectorSize, params string[] options)
    {
        if (size is not null)
            Shell.Run("truncate", "-s", $"{size}", file);
        Path = Shell.Run("losetup", ["--find", "--show", $"--sector-size={sectorSize}", .. options, file]).Trim();
    }

    private LoopDevice(string path) => Path = path;

    /// <summary>A partition, which the kernel of a container shows no device of its own for.</summary>
    public LoopDevice Partition(int number, int sectorSize)
    {
        var table = Shell.Run("sgdisk", $"--info={number}", Path);
        return new LoopDevice(Shell.Run(
            "losetup", "--find", "--show", $"--sector-size={sectorSize}", $"--offset={SectorsOf("First sector: ") * sectorSize}", $"--sizelimit={SectorsOf("Partition size: ") * sectorSize}", Path).Trim());

        long SectorsOf(string what) => long.Parse(table.Split(what)[1].Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);
    }

    public string Path { get; }

    public void Dispose() => Shell.Run("losetup", "--detach", Path);
}
