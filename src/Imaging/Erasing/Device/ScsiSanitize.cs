using System.Buffers.Binary;
using Baremetal.Imaging.Targets;

namespace Baremetal.Imaging.Erasing.Device;

/// <summary>
/// SCSI and SAS: SANITIZE (SBC-4, 5.30). FORMAT UNIT is left alone: it promises nothing about the data.
/// </summary>
internal sealed class ScsiSanitize(IDeviceCommands device, ErasureWatch watch) : IEraseProtocol
{
    private const byte RequestSense = 0x03;
    private const byte Sanitize = 0x48;
    private const byte ByOverwrite = 0x01;
    private const byte ByBlockErase = 0x02;
    private const byte ByCryptoErase = 0x03;
    private const byte ExitFailureMode = 0x1f;

    // It answers when it has begun; and it may be used again should it fail.
    private const byte Immediately = 0x80;
    private const byte MayLeaveFailureMode = 0x20;

    // Additional sense: 04/1B is "sanitize in progress", 31/03 "sanitize command failed" (SPC-6, annex F).
    private const int InProgress = 0x041b;
    private const int HasFailed = 0x3103;

    private const int SenseLength = 252;

    private static readonly TimeSpan ShortCommand = TimeSpan.FromMinutes(1);

    // Once, with zeros: the pattern's length and the pattern (SBC-4, table 143).
    private static readonly byte[] OnceWithZeros = [1, 0, 0, 4, 0, 0, 0, 0];

    public string Name => "scsi";

    public List<Method> Methods(out string why)
    {
        why = "";
        // What a disk has of these it says by refusing the others.
        return
        [
            new Method("scsi-sanitize-block", () => SanitizeBy(ByBlockErase, [])),
            new Method("scsi-sanitize-crypto", () => SanitizeBy(ByCryptoErase, [])),
            new Method("scsi-sanitize-overwrite", () => SanitizeBy(ByOverwrite, OnceWithZeros)),
        ];
    }

    public MethodEnd? Resume() => Additional(ReadSense()) == InProgress ? watch.Follow(Progress) : null;

    private MethodEnd SanitizeBy(byte action, byte[] pattern)
    {
        if (Refusal(Send((byte)(Immediately | MayLeaveFailureMode | action), pattern)) is { } refusal)
            return MethodEnd.Refused($"SANITIZE is refused ({refusal})");
        var end = watch.Follow(Progress);
        if (end.Why is not null)
            Send(ExitFailureMode, []);
        return end;
    }

    private ScsiReply Send(byte action, byte[] pattern)
    {
        Span<byte> command = stackalloc byte[10];
        command[0] = Sanitize;
        command[1] = action;
        BinaryPrimitives.WriteUInt16BigEndian(command[7..], (ushort)pattern.Length);
        return device.SendScsi(command, pattern.Length == 0 ? DataDirection.None : DataDirection.ToDevice, pattern, ShortCommand);
    }

    private MethodEnd? Progress(out double share)
    {
        var sense = ReadSense();
        // Fixed format: SKSV, then the progress indication (SPC-6, 4.4.2.4.4).
        share = (sense[15] & 0x80) != 0 ? BinaryPrimitives.ReadUInt16BigEndian(sense.AsSpan(16)) / 65536.0 : 0;
        return Additional(sense) switch
        {
            InProgress => null,
            HasFailed => MethodEnd.Failed("the disk says that its SANITIZE failed"),
            _ => MethodEnd.Done,
        };
    }

    private byte[] ReadSense()
    {
        var sense = new byte[SenseLength];
        var reply = device.SendScsi([RequestSense, 0, 0, 0, SenseLength, 0], DataDirection.FromDevice, sense, ShortCommand);
        return Refusal(reply) is { } refusal ? throw new IOException($"the disk does not say how far it is ({refusal})") : sense;
    }

    private static int Additional(byte[] sense) => BinaryPrimitives.ReadUInt16BigEndian(sense.AsSpan(12));

    private static string? Refusal(ScsiReply reply) => reply switch
    {
        { HostStatus: 3 } => "it did not answer in time",
        { HostStatus: not 0 } => $"its host adapter answers {reply.HostStatus:x}",
        { Status: 0 } => null,
        { Sense.Length: >= 14 } when (reply.Sense[0] & 0x7e) == 0x70 => Describe(reply.Sense[2] & 15, Additional(reply.Sense)),
        { Sense.Length: >= 8 } when (reply.Sense[0] & 0x7e) == 0x72 => Describe(reply.Sense[1] & 15, reply.Sense[2] << 8 | reply.Sense[3]),
        _ => $"SCSI status {reply.Status:x2}",
    };

    private static string Describe(int key, int additional) => (key, additional >> 8) switch
    {
        (5, 0x20 or 0x24) => "it has no such command",
        (7, _) => "it is write-protected",
        _ => $"SCSI sense {key:x}/{additional >> 8:x2}/{additional & 255:x2}",
    };
}
