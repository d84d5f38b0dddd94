using System.Net.NetworkInformation;
using Baremetal.DeployAgent.Native;
using Baremetal.Imaging.Targets;
using Baremetal.Trust;

namespace Baremetal.DeployAgent;

/// <summary>
/// The hardware as the agent meets it: files under a root, disks that can be opened, and a restart. The real one is <c>new Machine("/")</c>;
/// another root is another machine, recorded or made up.
/// </summary>
/// <param name="root">Where <c>/proc</c>, <c>/sys</c> and <c>/run</c> are.</param>
public sealed class Machine(string root)
{
    private readonly string _root = RealPath.Of(root) ?? throw new DirectoryNotFoundException($"There is no {root}.");

    /// <summary>Opens a disk by its kernel name, such as <c>sda</c>, for nobody else.</summary>
    public Func<string, (IBlockTarget? Target, Rejection? Rejection)> OpenDisk { get; init; } = static name => BlockTarget.Open($"/dev/{name}", sizeIfNew: 0);

    /// <summary>The addresses of a network interface.</summary>
    public Func<string, string[]> AddressesOf { get; init; } = SystemAddressesOf;

    /// <summary>Readies a kernel, by its file, that of its ramdisk and its command line.</summary>
    public Action<string, string, string> LoadKernel { get; init; } = Kernel.Load;

    /// <summary>Starts the kernel that was readied. It returns only if there is none.</summary>
    public Action StartKernel { get; init; } = Kernel.StartLoaded;

    /// <summary>Restarts the machine now. It does not return on a real one.</summary>
    public Action Restart { get; init; } = Kernel.Restart;

    /// <summary>What its kernel has said; null where that cannot be read.</summary>
    public Func<string?> KernelLog { get; init; } = Native.KernelLog.Read;

    public string PathOf(string path) => Path.Join(_root, path);

    /// <summary>A small file's text without the space around it; null if it is not there, cannot be read, or says nothing.</summary>
    public string? Text(string path)
    {
        try
        {
            // Attributes of sysfs can be there and fail when read, as the speed of an interface that is down.
            return File.ReadAllText(PathOf(path)).Trim(' ', '\n', '\t', '\0') is { Length: > 0 } text ? text : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    public long? Number(string path) => long.TryParse(Text(path), out var number) ? number : null;

    public byte[]? Bytes(string path)
    {
        try
        {
            return File.ReadAllBytes(PathOf(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The names in a directory, sorted; none if it is not there.</summary>
    public IReadOnlyList<string> Names(string directory)
    {
        var path = new DirectoryInfo(PathOf(directory));
        return path.Exists ? [.. path.EnumerateFileSystemInfos().Select(entry => entry.Name).Order(StringComparer.Ordinal)] : [];
    }

    /// <summary>Where a path leads through all links, as a path of this machine; null if it leads nowhere.</summary>
    public string? Target(string path) =>
        RealPath.Of(PathOf(path)) is { } target && target.StartsWith(_root, StringComparison.Ordinal) ? Path.Join("/", target[_root.Length..]) : null;

    private static string[] SystemAddressesOf(string name) =>
        NetworkInterface.GetAllNetworkInterfaces().FirstOrDefault(nic => nic.Name == name) is { } nic
            ? [.. nic.GetIPProperties().UnicastAddresses.Select(address => address.Address).Where(address => !address.IsIPv6LinkLocal).Select(address => address.ToString())]
            : [];
}
