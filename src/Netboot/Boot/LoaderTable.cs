namespace Baremetal.Netboot.Boot;

/// <summary>How a loader reaches the machine.</summary>
internal enum LoaderTransport
{
    Tftp,
    Http,
}

/// <summary>Which loader each architecture gets. Whatever is not here is left alone: a wrong loader hangs a machine, none lets it boot on.</summary>
internal static class LoaderTable
{
    private const string Bios = "undionly.kpxe";
    private const string Efi = "snponly.efi";

    private static readonly Dictionary<ClientArchitecture, Loader> Rows = new()
    {
        // Uses the PXE ROM's own UNDI driver, so it drives every card that could ask; .kpxe drops the ROM's base code, which few ROMs survive keeping.
        [ClientArchitecture.Bios] = new(Bios, LoaderTransport.Tftp),

        // Uses the firmware's network driver. ipxe.efi brings drivers of its own, which fail or hang on real machines
        // (metal3 ironic-image#152, warewulf3#84, ipxe#972).
        [ClientArchitecture.EfiX64] = new(Efi, LoaderTransport.Tftp),

        // Firmware by the letter of RFC 4578.
        [ClientArchitecture.EfiX64Alternative] = new(Efi, LoaderTransport.Tftp),

        // HTTP Boot takes a URL and nothing else (UEFI 2.10 §24.7). Many try it when PXE was refused: the same machine gets the same decision.
        [ClientArchitecture.EfiX64Http] = new(Efi, LoaderTransport.Http),
    };

    /// <summary>Every file that the table can name.</summary>
    public static IEnumerable<string> Files => Rows.Values.Select(loader => loader.File).Distinct();

    public static Loader? Find(ClientArchitecture architecture) => Rows.GetValueOrDefault(architecture);
}

internal sealed record Loader(string File, LoaderTransport Transport);
