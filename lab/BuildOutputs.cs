namespace Baremetal.Lab;

/// <summary>Where the scripts and the compiler put what the lab runs: under <c>build/</c> of the repository that this program was built from.</summary>
public static class BuildOutputs
{
    // Lab and conductor are built together, in one configuration; ours is the last part of our own folder's name.
    private static readonly string Configuration = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory)).Split('_')[0];

    /// <summary>The folder of Baremetal.sln.</summary>
    public static string Root { get; } = FindRoot();

    public static string Kernel => Require("build/ramdisk/vmlinuz", "ramdisk/build.sh");

    public static string Initrd => Require("build/ramdisk/initrd.img", "ramdisk/build.sh");

    /// <summary>What UEFI nodes with the network first are given to boot their disk with.</summary>
    public static string LocalBootLoader => Require("build/ramdisk/localboot.efi", "ramdisk/build.sh");

    /// <summary>The folder of kernel and ramdisk for real servers; that of the others is the one of <see cref="Kernel"/>.</summary>
    public static string ServerRamdisk => Path.GetDirectoryName(Require("build/ramdisk-server/initrd.img", "ramdisk/build.sh --flavour server"))!;

    public static string Conductor => Require($"build/bin/Conductor/{Configuration}_linux-x64/conductor", "dotnet build -c Release Baremetal.sln");

    public static string DeployAgent => Require($"build/bin/DeployAgent/{Configuration}_linux-x64/deploy-agent", "dotnet build -c Release Baremetal.sln");

    public static string VmRunner => Require($"build/bin/VmRunner/{Configuration}_linux-x64/vm-runner", "dotnet build -c Release Baremetal.sln");

    /// <summary>A disk that boots in seconds: kernel, busybox and GRUB.</summary>
    public static string TinyImage => Require("build/images/tiny.qcow2", "lab/images/tiny.sh");

    /// <summary>The same disk as raw bytes, to convert to any other format.</summary>
    public static string TinyRawImage => Require("build/images/tiny.raw", "lab/images/tiny.sh");

    /// <summary>The tiny image as a partition image: its root file system, which has no kernel in it.</summary>
    public static string TinyRoot => Require("build/images/tiny-root.qcow2", "lab/images/tiny.sh");

    /// <summary>What boots <see cref="TinyRoot"/>.</summary>
    public static string TinyRootKernel => Require("build/images/tiny-root.vmlinuz", "lab/images/tiny.sh");

    /// <summary>The ramdisk of <see cref="TinyRootKernel"/>.</summary>
    public static string TinyRootRamdisk => Require("build/images/tiny-root.initrd", "lab/images/tiny.sh");

    /// <summary>The tiny image with the kernel of real servers.</summary>
    public static string TinyServerImage => Require("build/images/tiny-server.qcow2", "lab/images/tiny.sh --flavour server");

    /// <summary>The same disk as raw bytes.</summary>
    public static string TinyServerRawImage => Require("build/images/tiny-server.raw", "lab/images/tiny.sh --flavour server");

    /// <summary>Debian 12 with cloud-init and an SSH server.</summary>
    public static string DebianImage => Require("build/images/debian-12.qcow2", "lab/images/debian.sh");

    /// <summary>The same behind an MBR: BIOS boots it, UEFI does not.</summary>
    public static string DebianMbrImage => Require("build/images/debian-12-mbr.qcow2", "lab/images/debian-mbr.sh");

    /// <summary>The root file system of a VM's container.</summary>
    public static string RunnerBase => Require("build/runner/base.tar", "runner/build.sh");

    internal static string Require(string path, string maker)
    {
        var full = Path.Combine(Root, path);
        return File.Exists(full) ? full : throw new FileNotFoundException($"{full} has not been built. Run `{maker}` in {Root} first.", full);
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Baremetal.sln")))
                return folder.FullName;
        }
        throw new InvalidOperationException($"No Baremetal.sln above {AppContext.BaseDirectory}. The lab runs from a build inside the repository.");
    }
}
