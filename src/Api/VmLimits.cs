namespace Baremetal.Api;

/// <summary>What a VM may be. The conductor refuses what is beyond it at once; a runner holds every order against it once more.</summary>
public static class VmLimits
{
    // What fewer than these would not boot, and more than these no machine has.
    public const int LeastMemoryMb = 16;
    public const int MostMemoryMb = 16 << 20;
    public const int MostProcessors = 255;

    /// <summary>The largest disk that is written or grown anywhere here.</summary>
    public const int MostDiskGb = 2048;

    public const int MostPorts = 64;

    /// <summary>RFC 1035 §2.3.4: one label, since the name becomes one among the other VMs'.</summary>
    public const int LongestHostName = 63;

    /// <summary>An hour: a database that ends takes minutes.</summary>
    public const int MostStopSeconds = 3600;
}
