using System.Buffers.Binary;
using Baremetal.Imaging.Targets;

namespace Baremetal.Support;

/// <summary>A SAS disk at its SCSI commands: INQUIRY, REQUEST SENSE and SANITIZE as SPC-6 and SBC-4 have them.</summary>
public sealed class SimulatedScsi(byte[] disk) : IDeviceCommands
{
    private int _looksLeft = -1;
    private bool _hasFailed;

    public DeviceProtocol Protocol => DeviceProtocol.Scsi;

    public uint NvmeNamespace => throw new IOException("NVME_IOCTL_ID: Inappropriate ioctl for device");

    /// <summary>The service actions of SANITIZE that it has.</summary>
    public byte[] Sanitizes { get; init; } = [];

    public bool SanitizeFails { get; init; }

    public int Looks { get; init; } = 3;

    public List<byte> Actions { get; } = [];

    public int SendNvme(NvmeAdminCommand command, Span<byte> data) => throw new IOException("NVME_IOCTL_ADMIN_CMD: Inappropriate ioctl for device");

    public ScsiReply SendScsi(ReadOnlySpan<byte> command, DataDirection direction, Span<byte> data, TimeSpan limit)
    {
        switch (command[0])
        {
            case 0x12:
                "SEAGATE ST600           "u8.CopyTo(data[8..]);
                return Good;
            case 0x03:
                Sense(data);
                return Good;
            case 0x48:
                return Sanitize(command, direction, data);
            default:
                return Refuse(0x20);
        }
    }

    private static ScsiReply Good => new(0, 0, []);

    private static ScsiReply Refuse(byte code) => new(2, 0, [0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, code, 0, 0, 0, 0, 0]);

    private ScsiReply Sanitize(ReadOnlySpan<byte> command, DataDirection direction, Span<byte> data)
    {
        var action = (byte)(command[1] & 0x1f);
        if (action == 0x1f)
        {
            _hasFailed = false;
            return Good;
        }
        if (!Sanitizes.Contains(action))
            return Refuse(Sanitizes.Length == 0 ? (byte)0x20 : (byte)0x24);
        // An overwrite has its pattern of as many bytes as it says; the others have none.
        if (action == 1 ? direction != DataDirection.ToDevice || data.Length != 8 || data[3] != 4 || command[8] != 8 : data.Length != 0)
            return Refuse(0x24);
        Actions.Add(action);
        _looksLeft = Looks;
        return Good;
    }

    private void Sense(Span<byte> data)
    {
        data[0] = 0x70;
        if (_looksLeft > 0)
        {
            (data[2], data[7], data[12], data[13], data[15]) = (2, 10, 0x04, 0x1b, 0x80);
            BinaryPrimitives.WriteUInt16BigEndian(data[16..], (ushort)((Looks - _looksLeft) * 0xffff / (Looks + 1)));
            _looksLeft--;
            return;
        }
        if (_looksLeft == 0)
        {
            _looksLeft = -1;
            _hasFailed = SanitizeFails;
            if (!SanitizeFails)
                disk.AsSpan().Fill(0xff);
        }
        if (_hasFailed)
            (data[2], data[7], data[12], data[13]) = (3, 10, 0x31, 0x03);
    }
}
