using System.Security.Cryptography;
using Baremetal.Netboot;

namespace Baremetal.VmRunner.Host;

/// <summary>Addresses for VMs, which keep them for their whole life: the engine itself would give another at each start.</summary>
internal static class Addresses
{
    // Below stand the gateway, and what the engine gives to containers that ask for none.
    private const uint FirstForVms = 20;

    /// <summary>The lowest address of a network that nobody has; null: there is none left, or it is no IPv4 network.</summary>
    /// <param name="subnet">In CIDR notation, as the engine tells it.</param>
    /// <param name="taken">Those of other VMs, and those that the engine refused.</param>
    public static string? Free(string subnet, IReadOnlySet<string> taken)
    {
        if (subnet.Split('/') is not [var network, var length] || !Ipv4.TryParse(network, out var first) || !int.TryParse(length, out var prefix) || prefix is < 1 or > 30)
            return null;
        var size = 1u << (32 - prefix);
        // Of a small network the upper half.
        for (var number = Math.Min(FirstForVms, size / 2); number < size - 1; number++)
        {
            var address = new Ipv4(first.Value + number).ToString();
            if (!taken.Contains(address))
                return address;
        }
        return null;
    }

    /// <summary>An address of QEMU's and KVM's own prefix (52:54:00), drawn by lot.</summary>
    public static string NewMac()
    {
        var lot = RandomNumberGenerator.GetBytes(3);
        return $"52:54:00:{lot[0]:x2}:{lot[1]:x2}:{lot[2]:x2}";
    }
}
