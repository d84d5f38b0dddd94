using System.Buffers.Binary;
using Baremetal.Imaging.Targets;

namespace Baremetal.Imaging.Erasing.Device;

/// <summary>What an ATA disk answered.</summary>
internal sealed class AtaReply(string? failure, int count, long lba)
{
    /// <summary>Null if it did what it was told.</summary>
    public string? Failure => failure;

    public int Count => count;

    public long Lba => lba;
}

/// <summary>
/// ATA commands inside of SCSI ones: ATA PASS-THROUGH (16) and the registers that come back (SAT-5, 12.2.2 and 12.2.6). It is what Linux offers for
/// SATA disks behind AHCI and behind SAS adapters alike.
/// </summary>
internal sealed class AtaPort(IDeviceCommands device)
{
    private const byte Inquiry = 0x12;
    private const byte AtaPassThrough16 = 0x85;

    // Protocols, already at their place.
    private const byte NonData = 3 << 1;
    private const byte DataIn = 4 << 1;
    private const byte DataOut = 5 << 1;
    private const byte Extended = 1;

    // Sector count in blocks of 512 bytes, and the registers asked for.
    private const byte BlocksIn = 0x0e;
    private const byte BlocksOut = 0x06;
    private const byte WithRegisters = 0x20;

    private const byte IdentifyDevice = 0xec;
    private const byte CheckCondition = 2;

    public static readonly TimeSpan ShortCommand = TimeSpan.FromMinutes(1);

    /// <summary>Whether an ATA disk is behind the SCSI one: its vendor is then "ATA" (SAT-5, 10.3.2).</summary>
    public static bool IsAta(IDeviceCommands device)
    {
        var data = new byte[36];
        return device.SendScsi([Inquiry, 0, 0, 0, (byte)data.Length, 0], DataDirection.FromDevice, data, ShortCommand) is { Status: 0, HostStatus: 0 }
            && data.AsSpan(8, 8).SequenceEqual("ATA     "u8);
    }

    public AtaIdentity Identify()
    {
        var words = new byte[AtaIdentity.Length];
        return Send(DataIn, BlocksIn, IdentifyDevice, 0, 1, 0, words, ShortCommand).Failure is { } failure ? throw new IOException($"IDENTIFY DEVICE: {failure}") : new AtaIdentity(words);
    }

    public AtaReply Command(byte command, TimeSpan limit) => Send(NonData, WithRegisters, command, 0, 0, 0, [], limit);

    /// <summary>A command of 48 bits, without data.</summary>
    public AtaReply Extend(byte command, int feature, int count, long lba) => Send(NonData | Extended, WithRegisters, command, feature, count, lba, [], ShortCommand);

    /// <summary>A command that gives the disk one block.</summary>
    public AtaReply Give(byte command, byte[] block, TimeSpan limit) => Send(DataOut, BlocksOut | WithRegisters, command, 0, 1, 0, block, limit);

    private AtaReply Send(byte protocol, byte transfer, byte command, int feature, int count, long lba, byte[] data, TimeSpan limit)
    {
        byte[] cdb =
        [
            AtaPassThrough16, protocol, transfer, (byte)(feature >> 8), (byte)feature, (byte)(count >> 8), (byte)count,
            (byte)(lba >> 24), (byte)lba, (byte)(lba >> 32), (byte)(lba >> 8), (byte)(lba >> 40), (byte)(lba >> 16), 0, command, 0,
        ];
        var direction = (protocol & ~Extended) switch { DataIn => DataDirection.FromDevice, DataOut => DataDirection.ToDevice, _ => DataDirection.None };
        var reply = device.SendScsi(cdb, direction, data, limit);
        if (reply.HostStatus != 0)
            return new AtaReply(reply.HostStatus == 3 ? "it did not answer in time" : $"its host adapter answers {reply.HostStatus:x}", 0, 0);
        if (reply.Status == 0)
            return new AtaReply(null, 0, 0);
        return reply.Status == CheckCondition && Registers(reply.Sense) is { } registers ? Read(registers) : new AtaReply("it refuses the command", 0, 0);
    }

    // The descriptor 0x09 of descriptor-format sense.
    private static byte[]? Registers(byte[] sense)
    {
        if (sense.Length < 8 || (sense[0] & 0x7f) != 0x72)
            return null;
        for (var at = 8; at + 1 < sense.Length; at += 2 + sense[at + 1])
        {
            if (sense[at] == 9 && at + 14 <= sense.Length)
                return sense[at..(at + 14)];
        }
        return null;
    }

    private static AtaReply Read(byte[] registers)
    {
        var (error, status) = (registers[3], registers[13]);
        // Device fault, or error; an error of which bit 2 is set is an abort: the command as it was given is not taken.
        var failure = (status & 0x21) == 0 ? null : (error & 4) != 0 ? "it aborts the command" : $"ATA status {status:x2}, error {error:x2}";
        var count = BinaryPrimitives.ReadUInt16BigEndian(registers.AsSpan(4));
        var lba = (long)registers[10] << 40 | (long)registers[8] << 32 | (long)registers[6] << 24 | (long)registers[11] << 16 | (long)registers[9] << 8 | registers[7];
        return new AtaReply(failure, count, lba);
    }
}
