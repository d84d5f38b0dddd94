using Baremetal.Imaging.Native;
using Microsoft.Win32.SafeHandles;

namespace Baremetal.Imaging.Targets;

/// <summary>A real disk's commands, by the kernel that holds it open.</summary>
internal sealed class DeviceCommands : IDeviceCommands
{
    private readonly SafeFileHandle _device;

    private DeviceCommands(SafeFileHandle device, DeviceProtocol protocol)
    {
        _device = device;
        Protocol = protocol;
    }

    public DeviceProtocol Protocol { get; }

    public uint NvmeNamespace => Passthrough.NamespaceOf(_device);

    /// <summary>Null for disks that have none: those of virtio, cards, and what is made of other disks.</summary>
    public static DeviceCommands? Of(string path, SafeFileHandle device) => SysBlock.NameOf(path) switch
    {
        ['n', 'v', 'm', 'e', ..] => new DeviceCommands(device, DeviceProtocol.Nvme),
        ['s', 'd', ..] => new DeviceCommands(device, DeviceProtocol.Scsi),
        _ => null,
    };

    public int SendNvme(NvmeAdminCommand command, Span<byte> data) => Passthrough.SendNvme(_device, command, data);

    public ScsiReply SendScsi(ReadOnlySpan<byte> command, DataDirection direction, Span<byte> data, TimeSpan limit) => Passthrough.SendScsi(_device, command, direction, data, limit);
}
