using System.Text;
using Baremetal.Api;

namespace Baremetal.Lab.Tests;

/// <summary>Makes a disk that says <see cref="Mark"/> on the serial line when it is booted, then restarts the machine or switches it off.</summary>
internal static class BootableDisk
{
    public const string Mark = "BOOTED FROM DISK";

    public static Task WriteAsync(VirtualServer server, bool powerOff, CancellationToken cancellationToken) =>
        server.Spec.Firmware == FirmwareMode.Bios
            ? WriteBootSectorAsync(server.DiskPath(), powerOff, cancellationToken)
            : WriteLoaderAsync(server.DiskPath(), powerOff, cancellationToken);

    private static async Task WriteBootSectorAsync(string disk, bool powerOff, CancellationToken cancellationToken)
    {
        byte[] end = powerOff
            ? [0xBA, 0x04, 0x06, 0xB8, 0x00, 0x20, 0xEF]    // mov dx, 0x604; mov ax, 0x2000; out dx, ax: S5 by PIIX4's PM1a_CNT, where SeaBIOS puts it
            : [0xB0, 0xFE, 0xE6, 0x64];                     // mov al, 0xfe; out 0x64, al: the keyboard controller's reset line
        byte[] code =
        [
            0x31, 0xC0, 0x8E, 0xD8,                         // xor ax, ax; mov ds, ax
            0xBE, 0, 0,                                     // mov si, text
            0xBA, 0xF8, 0x03,                               // mov dx, 0x3f8 (COM1)
            0xAC, 0x84, 0xC0, 0x74, 0x0E, 0xEE,             // next: lodsb; test al, al; jz done; out dx, al
            0x83, 0xC2, 0x05, 0xEC, 0xA8, 0x40, 0x74, 0xFB, // add dx, 5; sent: in al, dx; test al, 0x40 (transmitter empty); jz sent
            0x83, 0xEA, 0x05, 0xEB, 0xED,                   // sub dx, 5; jmp next
            .. end,                                         // done:
            0xF4, 0xEB, 0xFD,                               // hlt; jmp back to it
        ];
        (code[5], code[6]) = ((byte)code.Length, 0x7C);     // the sector is loaded at 0x7c00, and the text follows the code
        byte[] sector = [.. code, .. Encoding.ASCII.GetBytes($"\r\n{Mark}\r\n"), 0];
        Array.Resize(ref sector, 512);
        (sector[510], sector[511]) = (0x55, 0xAA);
        await using var file = new FileStream(disk, FileMode.Open);
        await file.WriteAsync(sector, cancellationToken);
    }

    /// <summary>The whole disk as one FAT file system with GRUB in the place where firmware looks without being told.</summary>
    private static async Task WriteLoaderAsync(string disk, bool powerOff, CancellationToken cancellationToken)
    {
        var script = disk + ".cfg";
        var loader = disk + ".efi";
        await File.WriteAllTextAsync(script, $"echo {Mark}\n{(powerOff ? "halt" : "reboot")}\n", cancellationToken);
        await Tool.RunAsync("grub-mkimage", ["-O", "x86_64-efi", "-c", script, "-p", "/", "-o", loader, "normal", "echo", "halt", "reboot"], null, cancellationToken);
        await Tool.RunAsync("mkfs.vfat", [disk], null, cancellationToken);
        await Tool.RunAsync("mmd", ["-i", disk, "::/EFI", "::/EFI/BOOT"], null, cancellationToken);
        await Tool.RunAsync("mcopy", ["-i", disk, loader, "::/EFI/BOOT/BOOTX64.EFI"], null, cancellationToken);
    }
}
