namespace Baremetal.Netboot.Dhcp;

/// <summary>Why a datagram is no DHCP packet for us. Each is counted in the log, none is answered.</summary>
internal enum DhcpRejection
{
    None,

    /// <summary>Shorter than the fixed header and the cookie (240 bytes).</summary>
    TooShort,

    /// <summary>Longer than any Ethernet that we serve carries.</summary>
    TooLong,

    /// <summary><c>op</c> is neither BOOTREQUEST nor BOOTREPLY.</summary>
    UnknownOperation,

    /// <summary>Not Ethernet, or no address of a single station.</summary>
    NoEthernetAddress,

    /// <summary>More than 16 relays: a loop (RFC 1542 §4.1.1).</summary>
    TooManyHops,

    /// <summary>No magic cookie: BOOTP of before 1993.</summary>
    NoCookie,

    /// <summary>An option runs past the end of its field.</summary>
    OptionOverrun,

    /// <summary>Option 52 is not 1, 2 or 3.</summary>
    BadOverload,

    /// <summary>An option that holds an address does not hold four bytes.</summary>
    BadAddressOption,

    /// <summary>Option 53 is missing, has a wrong length or an unknown value.</summary>
    NoMessageType,
}
