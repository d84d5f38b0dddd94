using System.Buffers.Binary;
using Baremetal.Imaging.Targets;

namespace Baremetal.Imaging.Erasing.Device;

/// <summary>
/// NVMe: Sanitize (NVM Express Base Specification 2.0, 5.24), else Format NVM with secure erase (5.14). Both may reach further than one namespace, so
/// that they are used only where there is no other.
/// </summary>
internal sealed class NvmeErase(IDeviceCommands device, ErasureWatch watch) : IEraseProtocol
{
    private const byte GetLogPage = 0x02;
    private const byte Identify = 0x06;
    private const byte FormatNvm = 0x80;
    private const byte Sanitize = 0x84;
    private const uint AllNamespaces = 0xffffffff;

    private const uint OfNamespace = 0x00;
    private const uint OfController = 0x01;
    private const uint ActiveNamespaces = 0x02;
    private const uint AllocatedNamespaces = 0x10;
    private const int IdentifyLength = 4096;

    private const uint SanitizeStatusLog = 0x81;
    private const int SanitizeStatusLength = 512;

    // Sanitize actions, and that the disk may be used again should it fail.
    private const uint ExitFailureMode = 1;
    private const uint BlockErase = 2;
    private const uint Overwrite = 3;
    private const uint CryptoErase = 4;
    private const uint MayLeaveFailureMode = 1 << 3;
    private const uint OnePass = 1 << 4;

    private static readonly TimeSpan ShortCommand = TimeSpan.FromMinutes(1);

    // A format tells no estimate; the slowest that are known of take an hour or two.
    private static readonly TimeSpan LongestFormat = TimeSpan.FromHours(4);

    public string Name => "nvme";

    public List<Method> Methods(out string why)
    {
        var controller = new byte[IdentifyLength];
        Require(Ask(Identify, 0, OfController, controller), "Identify");
        var optional = Word(controller, 256);
        var (hasNamespaces, hasFormat) = ((optional & 1 << 3) != 0, (optional & 1 << 1) != 0);
        var sanitizes = BinaryPrimitives.ReadUInt32LittleEndian(controller.AsSpan(328));
        var format = controller[524];

        var others = CountOthers(hasNamespaces ? AllocatedNamespaces : ActiveNamespaces);
        var methods = new List<Method>();
        if (others == 0)
        {
            Add((sanitizes & 1 << 1) != 0, "nvme-sanitize-block", () => SanitizeBy(BlockErase));
            Add((sanitizes & 1 << 0) != 0, "nvme-sanitize-crypto", () => SanitizeBy(CryptoErase));
            Add((sanitizes & 1 << 2) != 0, "nvme-sanitize-overwrite", () => SanitizeBy(Overwrite | OnePass));
        }
        // By bits 0 and 1 a format, or one that erases, is of all namespaces.
        if (others == 0 || (format & 3) == 0)
        {
            Add(hasFormat, "nvme-format-user-data", () => FormatBy(1));
            Add(hasFormat && (format & 1 << 2) != 0, "nvme-format-crypto", () => FormatBy(2));
        }
        why = others == 0 ? "its controller has neither Sanitize nor Format NVM" : $"its controller has {others} other namespace{(others == 1 ? "" : "s")}, which would be erased too";
        return methods;

        void Add(bool isThere, string name, Func<MethodEnd> run)
        {
            if (isThere)
                methods.Add(new Method(name, run));
        }
    }

    public MethodEnd? Resume() => ReadStatus() is { } log && StateOf(log) == 2 ? watch.Follow(Progress) : null;

    private MethodEnd SanitizeBy(uint action)
    {
        if (Ask(Sanitize, 0, action | MayLeaveFailureMode, []) is not 0 and var refusal)
            return MethodEnd.Refused($"Sanitize is refused ({Describe(refusal)})");
        var end = watch.Follow(Progress);
        if (end.Why is not null)
            Ask(Sanitize, 0, ExitFailureMode, []);
        return end;
    }

    private MethodEnd? Progress(out double share)
    {
        var log = ReadStatus() ?? throw new IOException("the sanitize status log cannot be read");
        share = Word(log, 0) / 65536.0;
        return StateOf(log) switch
        {
            2 => null,
            1 or 4 => MethodEnd.Done,
            0 => MethodEnd.Failed("the disk says that it was never sanitized"),
            _ => MethodEnd.Failed("the disk says that its Sanitize failed"),
        };
    }

    private MethodEnd FormatBy(uint secureErase)
    {
        var current = new byte[IdentifyLength];
        Require(Ask(Identify, device.NvmeNamespace, OfNamespace, current), "Identify");
        // Formatted as it is: its block size, metadata and protection stay (figures 97 and 328).
        var (sizes, protection) = ((uint)current[26], (uint)current[29]);
        var settings = (sizes & 0xf) | (sizes & 0x10) | (protection & 7) << 5 | (protection >> 3 & 1) << 8 | secureErase << 9 | (sizes >> 5 & 3) << 12;
        watch.ExpectSilence(LongestFormat);
        return device.SendNvme(new NvmeAdminCommand(FormatNvm, device.NvmeNamespace, settings, LongestFormat), []) is not 0 and var refusal
            ? MethodEnd.Refused($"Format NVM is refused ({Describe(refusal)})")
            : MethodEnd.Done;
    }

    private int CountOthers(uint which)
    {
        var list = new byte[IdentifyLength];
        Require(Ask(Identify, 0, which, list), "Identify");
        var others = 0;
        for (var at = 0; at < list.Length && BinaryPrimitives.ReadUInt32LittleEndian(list.AsSpan(at)) is not 0 and var id; at += 4)
            others += id == device.NvmeNamespace ? 0 : 1;
        return others;
    }

    private byte[]? ReadStatus()
    {
        var log = new byte[SanitizeStatusLength];
        return Ask(GetLogPage, AllNamespaces, SanitizeStatusLog | (SanitizeStatusLength / 4 - 1) << 16, log) == 0 ? log : null;
    }

    private static int StateOf(byte[] log) => Word(log, 2) & 7;

    private int Ask(byte opcode, uint inNamespace, uint dword10, byte[] data) => device.SendNvme(new NvmeAdminCommand(opcode, inNamespace, dword10, ShortCommand), data);

    private static void Require(int status, string command)
    {
        if (status != 0)
            throw new IOException($"{command} is refused ({Describe(status)})");
    }

    private static ushort Word(byte[] bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(at));

    // Figure 94: the code's type is in bits 8 to 10.
    private static string Describe(int status) => (status & 0x7ff) switch
    {
        0x001 => "the controller does not know the command",
        0x01c => "an earlier Sanitize failed",
        0x01d => "a Sanitize goes on",
        0x020 => "the namespace is write-protected",
        var code => $"NVMe status {code:x3}",
    };
}
