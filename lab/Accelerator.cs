using System.Diagnostics;

namespace Baremetal.Lab;

/// <summary>How QEMU runs the guest's instructions. Emulation (TCG) works everywhere and is what every measured figure means.</summary>
public sealed record Accelerator(string Name, string Arguments)
{
    /// <summary>Set to <c>kvm</c> to use it where it works.</summary>
    public const string Variable = "BAREMETAL_LAB_ACCELERATOR";

    /// <summary>
    /// QEMU 7.2 remembers what it has translated of each page, over a restart of the guest too, and goes through all of it at each write to that page. OVMF, which unpacks
    /// itself byte by byte to where a kernel ran before, was seen to write a hundred bytes a second for that. So there is room for little: what does not fit is forgotten.
    /// </summary>
    private const int TranslatedMiB = 64;

    public static readonly Accelerator Tcg = new("tcg", $"tcg,thread=multi,tb-size={TranslatedMiB}");
    public static readonly Accelerator Kvm = new("kvm", "kvm");

    private static readonly TimeSpan TrialBound = TimeSpan.FromSeconds(20);

    /// <summary>
    /// Emulation, unless <see cref="Variable"/> asks for KVM and a guest really ran under it: inside some clouds /dev/kvm opens, and then
    /// the first guest hangs.
    /// </summary>
    public static async Task<Accelerator> ChooseAsync(CancellationToken cancellationToken) =>
        Environment.GetEnvironmentVariable(Variable) == Kvm.Name && await RunsAsync(Kvm, cancellationToken) ? Kvm : Tcg;

    /// <summary>Boots a sector that ends QEMU with an exit code that nothing else gives.</summary>
    internal static async Task<bool> RunsAsync(Accelerator accelerator, CancellationToken cancellationToken)
    {
        // mov al, 0x10; out 0xf4, al; hlt. isa-debug-exit ends QEMU with 2 * 0x10 + 1.
        var sector = new byte[512];
        byte[] code = [0xB0, 0x10, 0xE6, 0xF4, 0xF4];
        code.CopyTo(sector, 0);
        (sector[510], sector[511]) = (0x55, 0xAA);

        var disk = Path.GetTempFileName();
        try
        {
            await File.WriteAllBytesAsync(disk, sector, cancellationToken);
            using var qemu = Process.Start(new ProcessStartInfo(QemuCommand.Program,
            [
                "-accel", accelerator.Arguments, "-machine", "pc", "-nodefaults", "-no-user-config", "-display", "none",
                "-device", "isa-debug-exit,iobase=0xf4,iosize=1",
                "-drive", $"if=ide,format=raw,file={QemuCommand.Escape(disk)}",
            ])
            { UseShellExecute = false, RedirectStandardError = true })!;
            try
            {
                await qemu.WaitForExitAsync(cancellationToken).WaitAsync(TrialBound, cancellationToken);
                return qemu.ExitCode == 33;
            }
            catch (TimeoutException)
            {
                return false;
            }
            finally
            {
                if (!qemu.HasExited)
                    qemu.Kill();
            }
        }
        finally
        {
            File.Delete(disk);
        }
    }
}
