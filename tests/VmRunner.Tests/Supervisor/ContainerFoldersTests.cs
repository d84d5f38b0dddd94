using System.Globalization;
using Baremetal.VmRunner.Supervisor;

namespace Baremetal.VmRunner.Tests.Supervisor;

public sealed class ContainerFoldersTests : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("baremetal-test-");

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public void Doors_WithoutASharedFolder_AreWhereNobodyElseIs() => Assert.Equal(At("run"), Folders(null).MakeDoors());

    [Fact]
    public void Doors_OfASharedFolder_AreQemusAndOursAndNewEachTime()
    {
        var doors = Folders(At("shared")).MakeDoors();
        Assert.Equal(Path.Combine(At("shared"), ContainerFolders.Id), doors);
        File.WriteAllText(Path.Combine(doors, "vnc"), "left");

        Assert.Equal(doors, Folders(At("shared")).MakeDoors());

        Assert.Empty(Directory.GetFileSystemEntries(doors));
        foreach (var folder in new[] { At("run"), doors })
            Assert.Equal("107 0 2770", Tools.Run("stat", ["-c", "%u %g %a", folder]).Trim());
    }

    [Fact]
    public void Overlay_WithoutAVolume_Ends2()
    {
        var end = Assert.Throws<SupervisorException>(() => Overlay.Make(At("nothing"), new BaseDisk("/none", "raw", 1), null));

        Assert.Equal((ExitCodes.NoVolume, $"There is no {At("nothing")} for what the guest writes; mount a volume there."), (end.ExitCode, end.Message));
    }

    [Fact]
    public void Overlay_SmallerThanTheImagesDisk_IsRefused()
    {
        var end = Assert.Throws<SupervisorException>(() => Overlay.Make(_root.FullName, new BaseDisk("/none", "raw", 3L << 30), 2));

        Assert.Equal(ExitCodes.NoDisk, end.ExitCode);
        Assert.StartsWith(string.Create(CultureInfo.InvariantCulture, $"VM_DISK_GB is 2, and the image's disk has {3L << 30} bytes"), end.Message, StringComparison.Ordinal);
    }

    private string At(string name) => Path.Combine(_root.FullName, name);

    private ContainerFolders Folders(string? shared) => new("/", At("image"), At("run"), shared, At("meta"), At("iso"));
}
