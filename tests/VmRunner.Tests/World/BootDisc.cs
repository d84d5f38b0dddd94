using Baremetal.Lab;

namespace Baremetal.VmRunner.Tests.World;

/// <summary>A CD that says on the serial console that it was booted, and switches the machine off.</summary>
internal static class BootDisc
{
    public const string Says = "BOOTED FROM THE DISC";

    public static async Task<string> MakeAsync(string folder)
    {
        var (tree, image) = (Path.Combine(folder, "disc", "boot", "grub"), Path.Combine(folder, "boot.iso"));
        if (File.Exists(image))
            return image;
        Directory.CreateDirectory(tree);
        await File.WriteAllTextAsync(Path.Combine(tree, "grub.cfg"), $"serial --unit=0 --speed=115200\nterminal_output serial\necho \"{Says}\"\nhalt\n");
        await Tool.RunAsync("grub-mkimage", ["-O", "i386-pc-eltorito", "-p", "/boot/grub", "-o", Path.Combine(tree, "eltorito.img"), "biosdisk", "iso9660", "normal", "configfile", "serial", "terminal", "echo", "halt"], null, TestContext.Current.CancellationToken);
        await Tool.RunAsync("xorriso", ["-as", "mkisofs", "-quiet", "-V", "BOOT", "-R", "-b", "boot/grub/eltorito.img", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", "-o", image, Path.Combine(folder, "disc")], null, TestContext.Current.CancellationToken);
        return image;
    }
}
