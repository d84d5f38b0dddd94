using System.Net;
using Baremetal.Netboot.Boot;

namespace Baremetal.Netboot;

/// <summary>Who decides what machines boot. All else of this library is protocol. Called from one thread for each port.</summary>
public interface IBootPolicy
{
    /// <summary>What this machine shall boot now. A look-up without side effects, in memory: it is asked for every packet of every boot client.</summary>
    BootChoice Choose(Machine machine);

    /// <summary>A machine asked for an address, or was given one, whatever software it runs. Called on the receiving loop: note it and return.</summary>
    void Seen(Sighting sighting);

    /// <summary>A loader went out whole by TFTP. Called at the transfer's end: note it and return.</summary>
    void Sent(IPAddress client, string file);
}

/// <summary>What a machine shall boot.</summary>
public enum BootChoice
{
    /// <summary>Not ours: it boots as it would without us. In server mode it still gets an address.</summary>
    Ignore,

    /// <summary>Ours, with nothing to do: it gets a loader that goes on to its own disk.</summary>
    LocalDisk,

    /// <summary>The deploy agent.</summary>
    Agent,
}

/// <summary>A machine as its firmware or boot loader names it. Nothing in it is proven: whoever can send a packet can claim it.</summary>
/// <param name="Uuid">The SMBIOS UUID; null where the firmware sends none, zeros or ones.</param>
/// <param name="Relay">The relay agent that the request came through (its address on the machine's network), or null.</param>
public sealed record Machine(MacAddress Mac, Guid? Uuid, ClientArchitecture Architecture, IPAddress? Relay = null);

/// <summary>A DHCP packet as a sign of life.</summary>
/// <param name="Address">What it has, gets or wants: yiaddr of our answer, else ciaddr, else option 50, else null.</param>
/// <param name="HostName">Option 12, as sent; only letters, digits, dots and dashes, or null.</param>
/// <param name="Told">The file or URL that our answer told it to load; null when it told of none.</param>
/// <param name="Relay">The relay agent that it came through, as <see cref="Machine.Relay"/>.</param>
/// <param name="Circuit">The port that it came in by, as a relay or a switch says it (RFC 3046, Agent Circuit ID): printable ASCII, what else it is made of as 0x and hex; or null.</param>
/// <param name="Remote">Who says so (RFC 3046, Agent Remote ID), in the same form, or null.</param>
public sealed record Sighting(
    MacAddress Mac, IPAddress? Address, ClientKind Kind, string? HostName, string? Told = null, IPAddress? Relay = null, string? Circuit = null, string? Remote = null);

/// <summary>The software that sent a DHCP packet.</summary>
public enum ClientKind
{
    /// <summary>An operating system: anything that does not ask for something to boot.</summary>
    System,

    /// <summary>Our own ramdisk, by its vendor class.</summary>
    Ramdisk,

    /// <summary>A PXE ROM or the PXE client of UEFI.</summary>
    Firmware,

    /// <summary>UEFI HTTP Boot.</summary>
    HttpBoot,

    /// <summary>iPXE, from a ROM or chained by us.</summary>
    Ipxe,
}
