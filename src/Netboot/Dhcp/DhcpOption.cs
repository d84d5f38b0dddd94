namespace Baremetal.Netboot.Dhcp;

/// <summary>The options that we read or write. RFC 2132 unless another is named.</summary>
internal enum DhcpOption : byte
{
    Pad = 0,
    SubnetMask = 1,
    Router = 3,
    DomainNameServer = 6,
    HostName = 12,
    DomainName = 15,
    InterfaceMtu = 26,

    /// <summary>PXE's own options, encapsulated: PXE 2.1 §2.2.</summary>
    VendorSpecific = 43,
    RequestedAddress = 50,
    LeaseTime = 51,

    /// <summary>Options go on in the header's <c>file</c> (1), <c>sname</c> (2) or both (3).</summary>
    Overload = 52,
    MessageType = 53,
    ServerIdentifier = 54,
    ParameterRequestList = 55,

    /// <summary>A NAK's reason, for people.</summary>
    Message = 56,
    MaximumSize = 57,
    RenewalTime = 58,
    RebindingTime = 59,
    VendorClass = 60,
    ClientIdentifier = 61,
    TftpServerName = 66,
    BootFile = 67,

    /// <summary>RFC 3004. iPXE puts its name here raw, without the length bytes of the RFC.</summary>
    UserClass = 77,

    /// <summary>RFC 3046. It belongs to the relay, which wants it back untouched.</summary>
    RelayAgent = 82,

    /// <summary>RFC 4578 §2.1.</summary>
    ClientArchitecture = 93,

    /// <summary>RFC 4578 §2.3: a type byte (0), then the SMBIOS UUID.</summary>
    MachineIdentifier = 97,

    /// <summary>RFC 3442. A client that heeds it ignores <see cref="Router"/>.</summary>
    ClasslessRoutes = 121,

    /// <summary>iPXE's own options, encapsulated (<c>ipxe/dhcp.h</c>).</summary>
    Ipxe = 175,
    End = 255,
}
