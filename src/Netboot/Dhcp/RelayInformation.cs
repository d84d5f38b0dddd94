using System.Text;

namespace Baremetal.Netboot.Dhcp;

/// <summary>
/// Option 82 (RFC 3046 §2): where a request came in, as a relay or a switch that watches DHCP says it; sub-options of a code, a length and a value.
/// The values are of each vendor's own form, text or bytes. They are shown as they can be typed: printable ASCII as it is, all else as <c>0x</c> and
/// its bytes in lower-case hex; text that begins with <c>0x</c> too, so that no two values look alike.
/// </summary>
/// <param name="Circuit">Agent Circuit ID (§3.1): mostly the switch's port. Null if it is not told or empty.</param>
/// <param name="Remote">Agent Remote ID (§3.2): mostly the switch. Null if it is not told or empty.</param>
internal readonly record struct RelayInformation(string? Circuit, string? Remote)
{
    private const byte CircuitId = 1;
    private const byte RemoteId = 2;

    /// <summary>
    /// Of an option whose lengths do not add up nothing is believed, nor of one that says a thing twice: one of the two may be the machine's own word. That it goes back as it came is the reply's concern.
    /// </summary>
    public static RelayInformation Read(ReadOnlySpan<byte> option)
    {
        string? circuit = null, remote = null;
        var (circuits, remotes) = (0, 0);
        while (option is [var code, var length, .. var rest] && length <= rest.Length)
        {
            if (code == CircuitId)
                (circuit, circuits) = (Shown(rest[..length]), circuits + 1);
            if (code == RemoteId)
                (remote, remotes) = (Shown(rest[..length]), remotes + 1);
            option = rest[length..];
        }
        return option.IsEmpty && circuits <= 1 && remotes <= 1 ? new RelayInformation(circuit, remote) : default;
    }

    private static string? Shown(ReadOnlySpan<byte> value) =>
        value.IsEmpty ? null
        : value.ContainsAnyExceptInRange((byte)' ', (byte)'~') || value.StartsWith("0x"u8) ? $"0x{Convert.ToHexStringLower(value)}"
        : Encoding.ASCII.GetString(value);
}
