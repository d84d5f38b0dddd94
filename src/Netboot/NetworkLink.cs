using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace Baremetal.Netboot;

/// <summary>The network interface that we serve, as it is when we start.</summary>
/// <param name="Index">The kernel's number for it.</param>
/// <param name="Mtu">In bytes, of an IP packet.</param>
internal sealed partial record NetworkLink(string Name, int Index, MacAddress Mac, Ipv4 Address, int PrefixLength, int Mtu)
{
    public Ipv4 Mask => Ipv4.Mask(PrefixLength);

    /// <summary>Finds an interface with its address; without <paramref name="wanted"/> its first IPv4 address is ours.</summary>
    /// <exception cref="NetbootException">It is not there, or has no such address.</exception>
    public static NetworkLink Find(string name, Ipv4? wanted)
    {
        var all = NetworkInterface.GetAllNetworkInterfaces();
        var found = all.FirstOrDefault(one => one.Name == name) ?? throw new NetbootException(
            $"There is no network interface {name}; this machine has {string.Join(", ", all.Select(one => one.Name).Order(StringComparer.Ordinal))}. Set the one that your servers boot from.");
        IPInterfaceProperties properties;
        try
        {
            properties = found.GetIPProperties();
        }
        catch (NetworkInformationException error)
        {
            throw new NetbootException($"The network interface {name} went away while it was looked at: {error.Message}", error);
        }
        var addresses = properties.UnicastAddresses.Where(one => one.Address.AddressFamily == AddressFamily.InterNetwork).ToList();
        var ours = addresses.FirstOrDefault(one => wanted is null || Ipv4.From(one.Address) == wanted) ?? throw new NetbootException(
            $"The network interface {name} has no IPv4 address{(wanted is { } w ? $" {w}" : "")}. Give it one; servers are told to fetch their loader and script from there.");
        return new NetworkLink(
            name, properties.GetIPv4Properties().Index, MacAddress.From(found.GetPhysicalAddress().GetAddressBytes()),
            Ipv4.From(ours.Address), ours.PrefixLength, MtuOf(name));
    }

    public bool Contains(Ipv4 address) => (address.Value & Mask.Value) == (Address.Value & Mask.Value);

    /// <summary>A UDP socket that hears this interface alone, and so leaves the same port free on every other.</summary>
    /// <remarks>
    /// Without SO_REUSEADDR: with it, two servers bind the same port of the same interface in silence, and each gets whatever the kernel gives it.
    /// </remarks>
    /// <exception cref="SocketException">The port is taken or forbidden.</exception>
    public Socket OpenUdp(IPAddress address, int port)
    {
        const int SolSocket = 1, SoBindToDevice = 25;
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            socket.SetRawSocketOption(SolSocket, SoBindToDevice, Encoding.ASCII.GetBytes(Name + '\0'));
            socket.EnableBroadcast = true;
            socket.Bind(new IPEndPoint(address, port));
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>The same for a service's own port.</summary>
    /// <exception cref="NetbootException">The port is taken or forbidden.</exception>
    public Socket Listen(IPAddress address, int port)
    {
        try
        {
            return OpenUdp(address, port);
        }
        catch (SocketException error)
        {
            throw new NetbootException(error.SocketErrorCode switch
            {
                SocketError.AddressAlreadyInUse =>
                    $"UDP port {port} of {Name} is taken by another program of this machine (`ss -lunp` names it). Stop it, or switch netboot off.",
                SocketError.AccessDenied or SocketError.OperationNotSupported =>
                    $"UDP port {port} of {Name} may not be opened: {error.Message}. Run as root, or with the capabilities CAP_NET_BIND_SERVICE and CAP_NET_RAW.",
                _ => $"UDP port {port} of {Name} cannot be opened: {error.Message}.",
            }, error);
        }
    }

    /// <summary>Asked of the kernel and not of /sys, which shows another network namespace where it was mounted in one.</summary>
    private static unsafe int MtuOf(string name)
    {
        const uint SiocGifMtu = 0x8921;
        const int NameLength = 16;
        const int RequestLength = 40; // struct ifreq
        const int EthernetMtu = 1500;
        Span<byte> request = stackalloc byte[RequestLength];
        request.Clear();
        Encoding.ASCII.GetBytes(name, request[..(NameLength - 1)]);
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        fixed (byte* at = request)
            return Ioctl((int)socket.Handle, SiocGifMtu, at) == 0 ? MemoryMarshal.Read<int>(request[NameLength..]) : EthernetMtu;
    }

    [LibraryImport("libc", EntryPoint = "ioctl")]
    private static unsafe partial int Ioctl(int descriptor, nuint request, byte* argument);
}
