using System.Buffers.Binary;
using Baremetal.Imaging.Targets;

namespace Baremetal.Support;

/// <summary>
/// An NVMe disk at its admin commands, as the NVM Express Base Specification 2.0 has them: what it claims, a sanitize that takes as many looks as it is
/// told, and a format. What erases it changes the bytes of a <see cref="RecordingTarget"/>.
/// </summary>
public sealed class SimulatedNvme(byte[] disk) : IDeviceCommands
{
    private int _looksLeft;
    private int _state;
    private uint _action;

    public DeviceProtocol Protocol => DeviceProtocol.Nvme;

    public uint NvmeNamespace => 1;

    /// <summary>SANICAP: bit 0 crypto, 1 block erase, 2 overwrite.</summary>
    public uint Sanitizes { get; init; }

    public bool Formats { get; init; }

    /// <summary>FNA: bits 0 and 1 of all namespaces, 2 by crypto.</summary>
    public byte FormatAttributes { get; init; }

    public uint[] Namespaces { get; init; } = [1];

    /// <summary>What the commands of an opcode are refused with.</summary>
    public Dictionary<byte, int> Refuses { get; } = [];

    /// <summary>Says that it is erased, and is not.</summary>
    public bool Lies { get; init; }

    public bool SanitizeFails { get; init; }

    /// <summary>How often its log says "in progress" before the end.</summary>
    public int Looks { get; init; } = 3;

    /// <summary>A sanitize that was begun before anybody looked.</summary>
    public void Begin(uint action)
    {
        (_action, _state, _looksLeft) = (action, 2, Looks);
    }

    /// <summary>The opcodes that change something, with their tenth dword.</summary>
    public List<(byte Opcode, uint Dword10)> Changes { get; } = [];

    public int SendNvme(NvmeAdminCommand command, Span<byte> data)
    {
        if (Refuses.TryGetValue(command.Opcode, out var status))
            return status;
        switch (command.Opcode)
        {
            case 0x06:
                return Identify(command, data);
            case 0x02 when (command.Dword10 & 0xff) == 0x81 && command.Namespace == 0xffffffff:
                return Log(data);
            case 0x84:
                return Sanitize(command.Dword10);
            case 0x80 when Formats:
                Changes.Add((command.Opcode, command.Dword10));
                Erase((command.Dword10 >> 9 & 7) == 2);
                return 0;
            default:
                return 0x4001;
        }
    }

    public ScsiReply SendScsi(ReadOnlySpan<byte> command, DataDirection direction, Span<byte> data, TimeSpan limit) => throw new IOException("SG_IO: Inappropriate ioctl for device");

    private int Identify(NvmeAdminCommand command, Span<byte> data)
    {
        switch (command.Dword10)
        {
            case 0:
                // The second of its formats, with metadata at the end of each block and protection of type 1 at its beginning.
                (data[26], data[29]) = (0x11, 0x09);
                return 0;
            case 1:
                BinaryPrimitives.WriteUInt16LittleEndian(data[256..], (ushort)(Formats ? 0b1010 : 0b1000));
                BinaryPrimitives.WriteUInt32LittleEndian(data[328..], Sanitizes);
                data[524] = FormatAttributes;
                return 0;
            case 0x10:
                foreach (var (at, id) in Namespaces.Index())
                    BinaryPrimitives.WriteUInt32LittleEndian(data[(4 * at)..], id);
                return 0;
            default:
                return 0x4002;
        }
    }

    private int Log(Span<byte> data)
    {
        if (_state == 2 && _looksLeft-- == 0)
            End();
        BinaryPrimitives.WriteUInt16LittleEndian(data, (ushort)(_state == 2 ? (Looks - _looksLeft) * 0xffff / (Looks + 1) : 0xffff));
        BinaryPrimitives.WriteUInt16LittleEndian(data[2..], (ushort)_state);
        return 0;
    }

    private int Sanitize(uint dword10)
    {
        var action = dword10 & 7;
        Changes.Add((0x84, dword10));
        if (action == 1)
        {
            _state = 0;
            return 0;
        }
        if (_state == 2)
            return 0x401d;
        if ((Sanitizes & (action switch { 2 => 2u, 3 => 4u, 4 => 1u, _ => 0 })) == 0)
            return 0x4002;
        Begin(action);
        return 0;
    }

    private void End()
    {
        _state = SanitizeFails ? 3 : 1;
        if (!SanitizeFails)
            Erase(_action == 4);
    }

    private void Erase(bool isCrypto)
    {
        if (Lies)
            return;
        if (isCrypto)
            new Random(2).NextBytes(disk);
        else
            disk.AsSpan().Clear();
    }
}
