using Baremetal.VmRunner.Supervisor;

namespace Baremetal.VmRunner.Tests.Supervisor;

public sealed class BaseDiskTests : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("baremetal-test-");

    public void Dispose() => _root.Delete(recursive: true);

    [Theory]
    [InlineData("base_image/any.name")]
    [InlineData("disk/disk.img")]
    public void Find_OneDisk_IsTaken(string name)
    {
        var path = Put(name, new byte[1 << 20]);

        Assert.Equal(new BaseDisk(path, "raw", 1 << 20), BaseDisk.Find(_root.FullName, DiskInspection.Of));
    }

    [Fact]
    public void Find_NoFolder_IsRefused() => AssertRefused("The image has neither /base_image nor /disk; a VM's image has one disk in one of them.");

    [Fact]
    public void Find_EmptyFolder_IsRefused()
    {
        _root.CreateSubdirectory("base_image");

        AssertRefused("/base_image must contain exactly one disk; there is none.");
    }

    [Fact]
    public void Find_TwoDisks_IsRefusedNamingThem()
    {
        Put("base_image/b.raw", new byte[1 << 20]);
        Put("base_image/a.raw", new byte[1 << 20]);

        AssertRefused("/base_image must contain exactly one disk; there are a.raw, b.raw.");
    }

    [Fact]
    public void Find_ADiskInEachFolder_IsRefusedNamingThem()
    {
        Put("base_image/a.raw", new byte[1 << 20]);
        Put("disk/b.raw", new byte[1 << 20]);

        AssertRefused("/base_image and /disk must contain exactly one disk; there are a.raw, b.raw.");
    }

    [Theory]
    [InlineData("base_image/a.raw", "/etc/shadow")]
    [InlineData("base_image", "/etc")]
    public void Find_ALink_IsNotFollowed(string name, string target)
    {
        var path = Path.Combine(_root.FullName, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.CreateSymbolicLink(path, target);

        Assert.Equal(ExitCodes.NoDisk, Assert.Throws<SupervisorException>(() => BaseDisk.Find(_root.FullName, DiskInspection.Of)).ExitCode);
    }

    [Fact]
    public void Find_AFolderForADisk_IsRefused()
    {
        _root.CreateSubdirectory("disk").CreateSubdirectory("a.raw");

        AssertRefused("/disk/a.raw is no plain file.");
    }

    [Fact]
    public void Find_Qcow2ThatNamesAnotherFile_IsRefused()
    {
        var path = Put("disk/evil.qcow2", []);
        Tools.Run("qemu-img", ["create", "-q", "-u", "-f", "qcow2", "-F", "raw", "-b", "/etc/shadow", path, "1M"]);

        var end = Assert.Throws<SupervisorException>(() => BaseDisk.Find(_root.FullName, DiskInspection.Of));

        Assert.StartsWith("/disk/evil.qcow2 is not run: ", end.Message, StringComparison.Ordinal);
    }

    private void AssertRefused(string why)
    {
        var end = Assert.Throws<SupervisorException>(() => BaseDisk.Find(_root.FullName, DiskInspection.Of));
        Assert.Equal((ExitCodes.NoDisk, why), (end.ExitCode, end.Message));
    }

    private string Put(string name, byte[] content)
    {
        var path = Path.Combine(_root.FullName, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
        return path;
    }

}
