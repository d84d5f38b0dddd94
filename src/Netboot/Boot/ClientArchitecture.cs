namespace Baremetal.Netboot.Boot;

/// <summary>Option 93, "processor architecture types" of IANA (RFC 4578 §2.1 and its registry). Others exist; the number is kept as it came.</summary>
public enum ClientArchitecture : ushort
{
    Bios = 0,

    /// <summary>What all x64 UEFI sends today.</summary>
    EfiX64 = 7,

    /// <summary>RFC 4578's own text gives x64 this number and 7 to byte code; firmware was written by either.</summary>
    EfiX64Alternative = 9,

    /// <summary>UEFI HTTP Boot on x64.</summary>
    EfiX64Http = 16,
}
