namespace Baremetal.Imaging.Erasing.Device;

/// <summary>
/// SATA: SANITIZE DEVICE (ACS-4, 7.36), else SECURITY ERASE UNIT (7.38), which takes a password: ours, that nobody needs to keep. The disk takes it away
/// when it is through; should the power be lost before, the disk stays locked by it, and the next erasure begins with it.
/// </summary>
internal sealed class AtaErase(AtaPort port, ErasureWatch watch) : IEraseProtocol
{
    /// <summary>No secret: it is for the disk's sake alone, and in the docs for whoever must unlock one by hand.</summary>
    public const string Password = "baremetal";

    private const byte SanitizeDevice = 0xb4;
    private const int SanitizeStatus = 0x00;
    private const int ClearFailure = 1;
    private const int MayLeaveFailureMode = 1 << 4;
    private const int OnePass = 1;

    // Of the count that a status brings.
    private const int IsCompleted = 1 << 15;
    private const int IsInProgress = 1 << 14;
    private const int IsSanitizeFrozen = 1 << 13;

    private const byte SecuritySetPassword = 0xf1;
    private const byte SecurityErasePrepare = 0xf3;
    private const byte SecurityEraseUnit = 0xf4;
    private const byte SecurityDisablePassword = 0xf6;
    private const byte Enhanced = 2;

    private const string PowerOff = "switch the server off and on again, as a restart is not enough; if its firmware freezes disks at each start, forbid it that, or give a depth to fall back to";

    public string Name => "ata";

    public List<Method> Methods(out string why)
    {
        var identity = port.Identify();
        var methods = new List<Method>();
        // Each has words of its own in its address, so that none is given by mistake.
        Add(identity is { Sanitizes: true, SanitizesByBlockErase: true }, "ata-sanitize-block", () => SanitizeBy(0x12, 0, 0x426b4572));
        Add(identity is { Sanitizes: true, SanitizesByCrypto: true }, "ata-sanitize-crypto", () => SanitizeBy(0x11, 0, 0x43727970));
        Add(identity is { Sanitizes: true, SanitizesByOverwrite: true }, "ata-sanitize-overwrite", () => SanitizeBy(0x14, OnePass, 0x4f57_0000_0000));
        Add(identity is { HasSecurity: true, ErasesEnhanced: true }, "ata-security-erase-enhanced", () => EraseUnit(isEnhanced: true));
        Add(identity.HasSecurity, "ata-security-erase", () => EraseUnit(isEnhanced: false));
        why = "it has neither SANITIZE DEVICE nor ATA security";
        return methods;

        void Add(bool isThere, string name, Func<MethodEnd> run)
        {
            if (isThere)
                methods.Add(new Method(name, run));
        }
    }

    public MethodEnd? Resume() =>
        port.Identify().Sanitizes && Status() is { Failure: null } now && (now.Count & IsInProgress) != 0 ? watch.Follow(Progress) : null;

    private MethodEnd SanitizeBy(int feature, int count, long lba)
    {
        if (Status() is { Failure: null } now && (now.Count & IsSanitizeFrozen) != 0)
            return MethodEnd.Refused($"its SANITIZE DEVICE is frozen: {PowerOff}");
        if (port.Extend(SanitizeDevice, feature, count | MayLeaveFailureMode, lba).Failure is { } refusal)
            return MethodEnd.Refused($"SANITIZE DEVICE is refused ({refusal})");
        var end = watch.Follow(Progress);
        if (end.Why is not null)
            port.Extend(SanitizeDevice, SanitizeStatus, ClearFailure, 0);
        return end;
    }

    private AtaReply Status() => port.Extend(SanitizeDevice, SanitizeStatus, 0, 0);

    private MethodEnd? Progress(out double share)
    {
        var now = Status();
        share = (now.Lba & 0xffff) / 65536.0;
        if (now.Failure is { } failure)
            return MethodEnd.Failed($"its SANITIZE DEVICE failed ({failure})");
        if ((now.Count & IsInProgress) != 0)
            return null;
        return (now.Count & IsCompleted) != 0 ? MethodEnd.Done : MethodEnd.Failed("its SANITIZE DEVICE ended, and the disk does not say that it is erased");
    }

    private MethodEnd EraseUnit(bool isEnhanced)
    {
        var before = port.Identify();
        if (before.IsFrozen)
            return MethodEnd.Refused($"its ATA security is frozen: {PowerOff}");
        if (before.HasNoTriesLeft)
            return MethodEnd.Refused("it takes no password until it has lost power, since too many wrong ones were tried: switch the server off and on again");
        watch.ExpectSilence(before.LongestErase(isEnhanced));
        // A password that is there already is ours, of an erasure that was cut, or somebody's: one try tells.
        if (!before.SecurityIsOn && port.Give(SecuritySetPassword, Block(0), AtaPort.ShortCommand).Failure is { } unset)
            return MethodEnd.Refused($"SECURITY SET PASSWORD is refused ({unset})");

        var failure = port.Command(SecurityErasePrepare, AtaPort.ShortCommand).Failure
            ?? port.Give(SecurityEraseUnit, Block(isEnhanced ? Enhanced : (byte)0), before.LongestErase(isEnhanced)).Failure;
        if (before.SecurityIsOn && failure is not null)
        {
            return MethodEnd.Refused(
                $"it is {(before.IsLocked ? "locked" : "secured")} by a password that is not '{Password}', as of an erasure that was cut, nor does it erase itself by that ({failure}): take its password away in the firmware or by 'hdparm --security-disable'");
        }
        if (!port.Identify().SecurityIsOn)
            return failure is null ? MethodEnd.Done : MethodEnd.Failed($"SECURITY ERASE UNIT failed ({failure})");
        var kept = port.Give(SecurityDisablePassword, Block(0), AtaPort.ShortCommand).Failure;
        var ended = failure is null ? "it says that it erased itself, and kept its password" : $"SECURITY ERASE UNIT failed ({failure})";
        return MethodEnd.Failed(kept is null ? ended : $"{ended}; it is still secured by the password '{Password}' ({kept}): power it off and on, and clean it again");
    }

    // Word 0 says whose password it is and how to erase, words 1 to 16 are the password (ACS-4, tables 178 and 182).
    private static byte[] Block(byte flags)
    {
        var block = new byte[512];
        block[0] = flags;
        System.Text.Encoding.ASCII.GetBytes(Password, block.AsSpan(2));
        return block;
    }
}
