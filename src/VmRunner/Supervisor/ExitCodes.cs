namespace Baremetal.VmRunner.Supervisor;

/// <summary>
/// How a VM's container ends. 1 to 4 are those of RancherVM's <c>startvm</c>, which its users' scripts know; 64, 69 and 70 are those of
/// <c>sysexits.h</c>, and 137 is the engine's own.
/// </summary>
internal static class ExitCodes
{
    /// <summary>The guest switched itself off, or shut down when it was told to.</summary>
    public const int Done = 0;

    /// <summary>The image does not hold exactly one disk, or one that is not run; or no address has the wanted prefix.</summary>
    public const int NoDisk = 1;

    /// <summary>There is no <c>/image</c> to write to.</summary>
    public const int NoVolume = 2;

    /// <summary>The disk that the guest writes to could not be made.</summary>
    public const int NoOverlay = 3;

    /// <summary>The container's network could not be given to the guest.</summary>
    public const int NoNetwork = 4;

    /// <summary>An option that is not allowed, or cannot be read (EX_USAGE).</summary>
    public const int RefusedOption = 64;

    /// <summary>QEMU did not start, or ended by itself (EX_UNAVAILABLE).</summary>
    public const int NoMachine = 69;

    /// <summary>A fault of the supervisor (EX_SOFTWARE).</summary>
    public const int Fault = 70;

    /// <summary>The guest was told to shut down, did not in time, and was switched off: what an engine itself says of who had to be killed.</summary>
    public const int SwitchedOff = 137;
}

/// <summary>The container ends here, with a sentence for whoever reads its log.</summary>
internal sealed class SupervisorException(int exitCode, string message, Exception? cause = null) : Exception(message, cause)
{
    public int ExitCode => exitCode;
}
