using System.Globalization;

namespace Baremetal.DeployAgent.Efi;

/// <summary>
/// The boot variables of UEFI (2.10, section 3.3) as files of efivarfs: four bytes of attributes, then the value, in one write.
/// BootOrder is never touched: which device comes first in general is the operator's choice.
/// </summary>
internal sealed class BootVariables(Machine machine)
{
    /// <summary>Says whose entry it is, among the firmware's and the installed system's.</summary>
    public const string OurDescription = "Baremetal";

    private const string Directory = "/sys/firmware/efi/efivars";

    // EFI_GLOBAL_VARIABLE
    private const string Vendor = "-8be4df61-93ca-11d2-aa0d-00e098032b8c";

    // NON_VOLATILE | BOOTSERVICE_ACCESS | RUNTIME_ACCESS
    private static readonly byte[] _attributes = [7, 0, 0, 0];

    /// <summary>Makes the next boot, and only that, start this option. Returns the entry's number.</summary>
    public ushort BootNext(byte[] option)
    {
        var entries = machine.Names(Directory).Select(NumberOf).OfType<ushort>().ToList();
        var ours = entries.Where(IsOurs).ToList();
        // An entry of an earlier deploy is overwritten, so that they do not fill the firmware's memory; that there are more happens to nobody but is put right.
        var number = ours.Count > 0 ? ours[0] : Enumerable.Range(0, ushort.MaxValue).Select(candidate => (ushort)candidate).First(candidate => !entries.Contains(candidate));
        foreach (var surplus in ours.Skip(1))
            File.Delete(PathOf(NameOf(surplus)));
        Write(NameOf(number), option);
        Write("BootNext", [(byte)number, (byte)(number >> 8)]);
        return number;
    }

    private bool IsOurs(ushort number) =>
        machine.Bytes($"{Directory}/{NameOf(number)}{Vendor}") is { Length: > 4 } variable && LoadOption.DescriptionOf(variable.AsSpan(4)) == OurDescription;

    private void Write(string name, byte[] value)
    {
        // Unbuffered, so that it is one write; a file of efivarfs cannot be sought in, which rules out writes at an offset.
        using var file = new FileStream(PathOf(name), FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        file.Write([.. _attributes, .. value]);
    }

    private string PathOf(string name) => machine.PathOf($"{Directory}/{name}{Vendor}");

    private static string NameOf(ushort number) => $"Boot{number:X4}";

    private static ushort? NumberOf(string file) =>
        file.StartsWith("Boot", StringComparison.Ordinal) && file.EndsWith(Vendor, StringComparison.Ordinal) && file.Length == 8 + Vendor.Length
        && ushort.TryParse(file.AsSpan(4, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var number) ? number : null;
}
