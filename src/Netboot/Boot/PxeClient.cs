using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Baremetal.Netboot.Dhcp;

namespace Baremetal.Netboot.Boot;

/// <summary>What a DHCP client says of itself as something to be booted. Nothing here is trusted, only answered.</summary>
/// <param name="LacksHttp">An iPXE that lists its features without HTTP: it cannot fetch our script.</param>
internal sealed record PxeClient(ClientKind Kind, ClientArchitecture Architecture, Guid? Uuid, bool LacksHttp)
{
    private const byte IpxeHttpFeature = 19; // DHCP_EB_FEATURE_HTTP

    /// <summary>As the log has it.</summary>
    public override string ToString() => Kind == ClientKind.System ? "System" : $"{Kind}, {Architecture}";

    public static PxeClient Read(DhcpPacket packet)
    {
        var kind = KindOf(packet);
        return new PxeClient(kind, ArchitectureOf(packet, kind), UuidOf(packet), kind == ClientKind.Ipxe && KnownToLackHttp(packet[DhcpOption.Ipxe]));
    }

    /// <summary>iPXE first: it calls itself PXEClient as well, so that other servers answer it.</summary>
    private static ClientKind KindOf(DhcpPacket packet)
    {
        var vendorClass = packet[DhcpOption.VendorClass];
        return packet[DhcpOption.UserClass].EndsWith("iPXE"u8) || packet.Has(DhcpOption.Ipxe) ? ClientKind.Ipxe
            : vendorClass.StartsWith("HTTPClient"u8) ? ClientKind.HttpBoot
            : vendorClass.StartsWith("PXEClient"u8) ? ClientKind.Firmware
            : vendorClass.SequenceEqual("baremetal-ramdisk"u8) ? ClientKind.Ramdisk // ramdisk/init
            : ClientKind.System;
    }

    /// <summary>
    /// Option 93, else the number in <c>PXEClient:Arch:00007:UNDI:003000</c>, else what each kind was before either existed.
    /// Option 93 may list several; the first is the one in use.
    /// </summary>
    private static ClientArchitecture ArchitectureOf(DhcpPacket packet, ClientKind kind)
    {
        if (packet[DhcpOption.ClientArchitecture] is { Length: >= 2 } listed)
            return (ClientArchitecture)BinaryPrimitives.ReadUInt16BigEndian(listed);
        var vendorClass = Encoding.Latin1.GetString(packet[DhcpOption.VendorClass]);
        return vendorClass.Split(':') is [_, "Arch", var number, ..] && ushort.TryParse(number, CultureInfo.InvariantCulture, out var architecture)
            ? (ClientArchitecture)architecture
            : kind == ClientKind.HttpBoot ? ClientArchitecture.EfiX64Http : ClientArchitecture.Bios;
    }

    /// <summary>
    /// iPXE and edk2 send the UUID in SMBIOS order, whose first three fields are little-endian, as <see cref="Guid"/> reads them. Some firmware
    /// sends none, zeros or ones (danderson/pixiecore#21): such a machine goes by its MAC alone.
    /// </summary>
    private static Guid? UuidOf(DhcpPacket packet)
    {
        if (packet[DhcpOption.MachineIdentifier] is not { Length: 17 } value || value[0] != 0)
            return null;
        var uuid = new Guid(value[1..]);
        return uuid == Guid.Empty || uuid == Guid.AllBitsSet ? null : uuid;
    }

    /// <summary>An iPXE that lists nothing is taken for a whole one: chaining it again could go round for ever.</summary>
    private static bool KnownToLackHttp(ReadOnlySpan<byte> encapsulated)
    {
        var featuresListed = false;
        while (encapsulated is [var code, var size, .. var rest] && size <= rest.Length)
        {
            if (code == IpxeHttpFeature && rest is [not 0, ..])
                return false;
            featuresListed |= code is >= 16 and < 64;
            encapsulated = rest[size..];
        }
        return featuresListed;
    }
}
