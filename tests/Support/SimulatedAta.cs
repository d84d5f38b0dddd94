using System.Buffers.Binary;
using System.Text;
using Baremetal.Imaging.Targets;

namespace Baremetal.Support;

/// <summary>
/// A SATA disk behind libata, at ATA PASS-THROUGH (16): the security state of ACS-4 (its figure 10) with passwords and a freeze, and SANITIZE DEVICE. Its
/// answers are the registers in descriptor-format sense, as Linux gives them.
/// </summary>
public sealed class SimulatedAta(byte[] disk) : IDeviceCommands
{
    private int _looksLeft = -1;
    private bool _isPrepared;

    public DeviceProtocol Protocol => DeviceProtocol.Scsi;

    public uint NvmeNamespace => throw new IOException("NVME_IOCTL_ID: Inappropriate ioctl for device");

    /// <summary>Of IDENTIFY word 59: bit 13 crypto, 14 overwrite, 15 block erase; zero without SANITIZE DEVICE.</summary>
    public int Sanitizes { get; init; }

    public bool HasSecurity { get; init; } = true;

    public bool ErasesEnhanced { get; init; }

    public bool IsFrozen { get; set; }

    public bool IsSanitizeFrozen { get; init; }

    public bool IsLocked { get; set; }

    /// <summary>Null while security is off.</summary>
    public string? Password { get; set; }

    public ushort EraseUnits { get; init; } = 30;

    /// <summary>What happens in the middle of SECURITY ERASE UNIT: the answer, or null for the disk's own.</summary>
    public Func<ScsiReply?>? DuringErase { get; set; }

    public int Looks { get; init; } = 3;

    /// <summary>Of SECURITY ERASE UNIT: how long it was waited for.</summary>
    public TimeSpan EraseLimit { get; private set; }

    public List<byte> Commands { get; } = [];

    /// <summary>As after a loss of power.</summary>
    public void Cycle() => (IsLocked, _isPrepared) = (Password is not null, false);

    public int SendNvme(NvmeAdminCommand command, Span<byte> data) => throw new IOException("NVME_IOCTL_ADMIN_CMD: Inappropriate ioctl for device");

    public ScsiReply SendScsi(ReadOnlySpan<byte> command, DataDirection direction, Span<byte> data, TimeSpan limit)
    {
        if (command[0] == 0x12)
        {
            "ATA     Samsung SSD 860 "u8.CopyTo(data[8..]);
            return new ScsiReply(0, 0, []);
        }
        if (command[0] != 0x85)
            return new ScsiReply(2, 0, [0x72, 5, 0x20, 0, 0, 0, 0, 0]);
        var ata = command[14];
        Commands.Add(ata);
        var protocol = command[1] >> 1;
        Require(protocol == ata switch { 0xec => 4, 0xf1 or 0xf4 or 0xf6 => 5, _ => 3 }, "the protocol is not the command's");
        return ata switch
        {
            0xec => Identify(data),
            0xb4 => Sanitize(command),
            0xf1 => SetPassword(data),
            0xf3 => Answer(!IsFrozen && (_isPrepared = true)),
            0xf4 => Erase(data, limit),
            0xf6 => Disable(data),
            _ => Answer(false),
        };
    }

    private ScsiReply Identify(Span<byte> data)
    {
        Word(data, 59, Sanitizes == 0 ? 0 : Sanitizes | 1 << 12);
        Word(data, 89, EraseUnits);
        Word(data, 90, EraseUnits);
        Word(data, 128, !HasSecurity ? 0 : 1 | Bit(Password is not null, 1) | Bit(IsLocked, 2) | Bit(IsFrozen, 3) | Bit(ErasesEnhanced, 5));
        return new ScsiReply(0, 0, []);
    }

    private ScsiReply SetPassword(ReadOnlySpan<byte> block)
    {
        if (!HasSecurity || IsFrozen || IsLocked)
            return Answer(false);
        Password = PasswordOf(block);
        return Answer(true);
    }

    private ScsiReply Erase(ReadOnlySpan<byte> block, TimeSpan limit)
    {
        var isTaken = !IsFrozen && _isPrepared && PasswordOf(block) == Password && ((block[0] & 2) == 0 || ErasesEnhanced);
        (_isPrepared, EraseLimit) = (false, limit);
        if (!isTaken)
            return Answer(false);
        if (DuringErase?.Invoke() is { } cut)
            return cut;
        disk.AsSpan().Clear();
        (Password, IsLocked) = (null, false);
        return Answer(true);
    }

    private ScsiReply Disable(ReadOnlySpan<byte> block)
    {
        if (IsFrozen || IsLocked || PasswordOf(block) != Password)
            return Answer(false);
        Password = null;
        return Answer(true);
    }

    private ScsiReply Sanitize(ReadOnlySpan<byte> command)
    {
        Require((command[1] & 1) == 1, "it is a command of 48 bits");
        var lba = (long)command[11] << 40 | (long)command[9] << 32 | (long)command[7] << 24 | (long)command[12] << 16 | (long)command[10] << 8 | command[8];
        var (feature, bit, key) = command[4] switch
        {
            0x11 => (0x11, 13, 0x43727970L),
            0x12 => (0x12, 15, 0x426b4572L),
            0x14 => (0x14, 14, 0x4f5700000000L),
            var other => (other, 0, 0L),
        };
        if (feature != 0)
        {
            if (Sanitizes == 0 || (Sanitizes & 1 << bit) == 0 || IsSanitizeFrozen || lba != key)
                return Answer(false);
            _looksLeft = Looks;
        }
        if (Sanitizes == 0)
            return Answer(false);
        if (_looksLeft > 0)
            return Answer(true, 1 << 14, (Looks - _looksLeft--) * 0xffff / (Looks + 1));
        if (_looksLeft == 0)
        {
            disk.AsSpan().Clear();
            _looksLeft = -1;
            return Answer(true, 1 << 15);
        }
        return Answer(true, IsSanitizeFrozen ? 1 << 13 : 0);
    }

    /// <summary>The registers that come back: aborted, if it is not taken.</summary>
    private static ScsiReply Answer(bool isTaken, int count = 0, int lba = 0) => new(2, 0,
    [
        0x72, isTaken ? (byte)1 : (byte)0x0b, 0, 0x1d, 0, 0, 0, 14,
        9, 12, 1, isTaken ? (byte)0 : (byte)4, (byte)(count >> 8), (byte)count, 0, (byte)lba, 0, (byte)(lba >> 8), 0, 0, 0, isTaken ? (byte)0x50 : (byte)0x51,
    ]);

    private static int Bit(bool isSet, int bit) => isSet ? 1 << bit : 0;

    private static void Word(Span<byte> data, int number, int value) => BinaryPrimitives.WriteUInt16LittleEndian(data[(2 * number)..], (ushort)value);

    private static string PasswordOf(ReadOnlySpan<byte> block) => Encoding.ASCII.GetString(block.Slice(2, 32)).TrimEnd('\0');

    private static void Require(bool isSo, string what)
    {
        if (!isSo)
            throw new InvalidOperationException(what);
    }
}
