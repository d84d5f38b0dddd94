namespace Baremetal.Imaging.Targets;

/// <summary>
/// A disk's own command set, past the kernel's block layer: what erases a disk whole is there, and nowhere else. It is one of the two protocols; ATA
/// commands go inside of SCSI ones (SAT-5, 12.2: ATA PASS-THROUGH).
/// </summary>
public interface IDeviceCommands
{
    DeviceProtocol Protocol { get; }

    /// <summary>Which namespace of its NVMe controller the disk is.</summary>
    uint NvmeNamespace { get; }

    /// <summary>Sends an NVMe admin command, and returns the status of its completion: zero is success.</summary>
    /// <param name="data">What the controller fills, if anything.</param>
    /// <exception cref="IOException">It did not come to the controller, or its answer did not come back.</exception>
    int SendNvme(NvmeAdminCommand command, Span<byte> data);

    /// <summary>Sends a SCSI command.</summary>
    /// <param name="direction">Whether the data go to the disk or come from it.</param>
    /// <exception cref="IOException">It did not come to the disk.</exception>
    ScsiReply SendScsi(ReadOnlySpan<byte> command, DataDirection direction, Span<byte> data, TimeSpan limit);
}

public enum DeviceProtocol
{
    Nvme,
    Scsi,
}

public enum DataDirection
{
    None,
    ToDevice,
    FromDevice,
}

/// <summary>NVM Express Base Specification 2.0, figure 87, as far as these commands use it. All namespaces are <c>0xffffffff</c>.</summary>
public sealed class NvmeAdminCommand(byte opcode, uint inNamespace, uint dword10, TimeSpan limit)
{
    public byte Opcode => opcode;

    public uint Namespace => inNamespace;

    public uint Dword10 => dword10;

    public TimeSpan Limit => limit;
}

/// <summary>What a disk or its host adapter answers.</summary>
public sealed class ScsiReply(byte status, int hostStatus, byte[] sense)
{
    /// <summary>SAM-5, 5.3.</summary>
    public byte Status => status;

    /// <summary>Not zero if the adapter gave up: 3 is a timeout.</summary>
    public int HostStatus => hostStatus;

    /// <summary>Empty if there is none.</summary>
    public byte[] Sense => sense;
}
