using Baremetal.Imaging.Erasing;
using Baremetal.Imaging.Streaming;
using Baremetal.Imaging.Targets;
using Baremetal.Support;

namespace Baremetal.Imaging.Tests.Erasing;

/// <summary>Disks that erase themselves, at the commands that they are sent: their answers are made up here, by the specifications.</summary>
public sealed class DeviceEraserTests
{
    private const int DiskSize = 16 << 20;
    private const uint MayLeaveFailureMode = 1 << 3;

    private readonly byte[] _disk = Noise();
    private readonly WriteProgress _progress = new();
    private readonly EagerTime _time = new();

    [Theory]
    [InlineData(0b111, "nvme-sanitize-block", 2u | MayLeaveFailureMode)]
    [InlineData(0b101, "nvme-sanitize-crypto", 4u | MayLeaveFailureMode)]
    [InlineData(0b100, "nvme-sanitize-overwrite", 3u | MayLeaveFailureMode | 1 << 4)]
    public void Nvme_ThatSanitizes_IsErasedByTheSurestWayAndTellsHowFarItIs(uint sanitizes, string method, uint command)
    {
        var nvme = new SimulatedNvme(_disk) { Sanitizes = sanitizes, Formats = true };
        var shares = new List<long>();
        _time.Paused = () => shares.Add(_progress.DoneBytes);

        var erasure = Erase(nvme);

        Assert.Equal((DiskSize, 0, null, method), (erasure.ErasedBytes, erasure.FailedBytes, erasure.FirstFailure, erasure.Method));
        Assert.Equal([(0x84, command)], nvme.Changes);
        Assert.Equal(3, shares.Distinct().Count());
        Assert.Equal(shares.Order(), shares);
        AssertEndsAreZero();
    }

    [Theory]
    [InlineData(0, false, "nvme-format-user-data", 1)]
    [InlineData(4, true, "nvme-format-crypto", 2)]
    public void Nvme_ThatOnlyFormats_KeepsItsFormat(byte attributes, bool refusesUserData, string method, uint secureErase)
    {
        var nvme = new SimulatedNvme(_disk) { Formats = true, FormatAttributes = attributes };

        var erasure = Erase(new Without(nvme, command => refusesUserData && command is { Opcode: 0x80 } && (command.Dword10 >> 9 & 7) == 1 ? 0x4002 : null));

        Assert.Equal((null, method), (erasure.FirstFailure, erasure.Method));
        // The second format, metadata at the end, protection of type 1 at the beginning.
        Assert.Equal([(0x80, 1u | 0x10 | 1 << 5 | 1 << 8 | secureErase << 9)], nvme.Changes);
        AssertEndsAreZero();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void Nvme_WithOtherNamespaces_IsErasedOnlyWhereTheyAreNot(byte attributes)
    {
        var nvme = new SimulatedNvme(_disk) { Sanitizes = 0b111, Formats = true, FormatAttributes = attributes, Namespaces = [1, 2, 5] };

        var erasure = Erase(nvme);

        Assert.Equal(attributes == 0 ? "nvme-format-user-data" : null, erasure.Method);
        if (attributes != 0)
            AssertUntouched(erasure, "it does not erase itself: its controller has 2 other namespaces, which would be erased too", nvme.Changes.Count);
    }

    [Fact]
    public void Nvme_ThatHasNeither_IsLeftAlone()
    {
        var nvme = new SimulatedNvme(_disk);
        AssertUntouched(Erase(nvme), "it does not erase itself: its controller has neither Sanitize nor Format NVM", nvme.Changes.Count);
    }

    [Fact]
    public void Nvme_WhoseSanitizeFails_IsNotErasedAndCanBeUsedAgain()
    {
        var nvme = new SimulatedNvme(_disk) { Sanitizes = 0b010, Formats = true, SanitizeFails = true };

        var erasure = Erase(nvme);

        Assert.Equal((0, DiskSize, "nvme-sanitize-block: the disk says that its Sanitize failed", null), (erasure.ErasedBytes, erasure.FailedBytes, erasure.FirstFailure, erasure.Method));
        Assert.Equal(1u, nvme.Changes[^1].Dword10);
    }

    [Fact]
    public void Nvme_ThatSanitizesAlready_IsWaitedFor()
    {
        var nvme = new SimulatedNvme(_disk) { Sanitizes = 0b010 };
        nvme.Begin(2);

        Assert.Equal((DiskSize, null, "nvme-sanitize"), Of(Erase(nvme)));

        Assert.Empty(nvme.Changes);
    }

    [Fact]
    public void Disk_ThatSaysThatItErasedItselfAndDidNot_IsFoundByItsSamples()
    {
        var erasure = Erase(new SimulatedNvme(_disk) { Formats = true, Lies = true });

        Assert.Equal("byte 0: the disk says that it erased itself, and reads there as it did before", erasure.FirstFailure);
        Assert.Equal((0, DiskSize, null), (erasure.ErasedBytes, erasure.FailedBytes, erasure.Method));
        Assert.Equal(Noise(), _disk);
    }

    [Theory]
    [InlineData(new byte[] { 1, 2, 3 }, "scsi-sanitize-block", 2)]
    [InlineData(new byte[] { 1, 3 }, "scsi-sanitize-crypto", 3)]
    [InlineData(new byte[] { 1 }, "scsi-sanitize-overwrite", 1)]
    public void Scsi_ThatSanitizes_IsErasedByTheSurestWay(byte[] sanitizes, string method, byte action)
    {
        var scsi = new SimulatedScsi(_disk) { Sanitizes = sanitizes };

        Assert.Equal((DiskSize, null, method), Of(Erase(scsi)));

        Assert.Equal([action], scsi.Actions);
        AssertEndsAreZero();
    }

    [Fact]
    public void Scsi_WithoutSanitize_IsLeftAlone()
    {
        var scsi = new SimulatedScsi(_disk);
        AssertUntouched(Erase(scsi), "it does not erase itself: SANITIZE is refused (it has no such command)", scsi.Actions.Count);
    }

    [Fact]
    public void Scsi_WhoseSanitizeFails_IsNotErased() =>
        Assert.Equal((0, "scsi-sanitize-block: the disk says that its SANITIZE failed", null), Of(Erase(new SimulatedScsi(_disk) { Sanitizes = [2], SanitizeFails = true })));

    [Theory]
    [InlineData(1 << 15 | 1 << 13, "ata-sanitize-block")]
    [InlineData(1 << 13, "ata-sanitize-crypto")]
    [InlineData(1 << 14, "ata-sanitize-overwrite")]
    public void Ata_ThatSanitizes_IsErasedWithoutAPassword(int sanitizes, string method)
    {
        var ata = new SimulatedAta(_disk) { Sanitizes = sanitizes };

        Assert.Equal((DiskSize, null, method), Of(Erase(ata)));

        Assert.DoesNotContain((byte)0xf1, ata.Commands);
    }

    [Theory]
    [InlineData(true, 30, 120, "ata-security-erase-enhanced")]
    [InlineData(false, 0x8000 | 300, 1200, "ata-security-erase")]
    [InlineData(false, 0, 720, "ata-security-erase")]
    public void Ata_WithSecurity_IsErasedWithinTwiceItsEstimateAndKeepsNoPassword(bool enhanced, int units, int minutes, string method)
    {
        var ata = new SimulatedAta(_disk) { ErasesEnhanced = enhanced, EraseUnits = (ushort)units };
        TimeSpan? silence = null;
        ata.DuringErase = () => Nothing(silence = _progress.MayBeSilent);

        Assert.Equal((DiskSize, null, method), Of(Erase(ata)));

        Assert.Null(ata.Password);
        Assert.Equal((TimeSpan.FromMinutes(minutes), TimeSpan.FromMinutes(minutes)), (ata.EraseLimit, silence));
        Assert.Null(_progress.MayBeSilent);
    }

    [Fact]
    public void Ata_ThatIsFrozen_IsLeftAloneAndSaysWhatToDo()
    {
        var ata = new SimulatedAta(_disk) { IsFrozen = true };

        Assert.Contains("its ATA security is frozen: switch the server off and on again, as a restart is not enough", Erase(ata).FirstFailure, StringComparison.Ordinal);

        Assert.DoesNotContain((byte)0xf1, ata.Commands);
        Assert.Equal(Noise(), _disk);
    }

    [Fact]
    public void Ata_WhoseSanitizeIsFrozen_IsErasedBySecurity() =>
        Assert.Equal((DiskSize, null, "ata-security-erase"), Of(Erase(new SimulatedAta(_disk) { Sanitizes = 1 << 15, IsSanitizeFrozen = true })));

    [Fact]
    public void Ata_CutInTheMiddleOfItsErasure_IsErasedAtTheNextTryThoughItIsLocked()
    {
        var ata = new SimulatedAta(_disk) { DuringErase = () => throw new IOException("SG_IO: No such device") };
        Assert.Contains("ata-security-erase: SG_IO: No such device", Erase(ata).FirstFailure, StringComparison.Ordinal);
        Assert.NotNull(ata.Password);

        ata.Cycle();
        ata.DuringErase = null;
        ata.Commands.Clear();

        Assert.Equal((DiskSize, null, "ata-security-erase"), Of(Erase(ata)));
        Assert.Equal((null, false), (ata.Password, ata.IsLocked));
        Assert.DoesNotContain((byte)0xf1, ata.Commands);
    }

    [Fact]
    public void Ata_WhoseErasureFails_LosesTheUnusedPassword()
    {
        var ata = new SimulatedAta(_disk) { DuringErase = () => new ScsiReply(2, 0, [0x72, 4, 0, 0, 0, 0, 0, 14, 9, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x71]) };

        Assert.Equal((0, "ata-security-erase: SECURITY ERASE UNIT failed (ATA status 71, error 00)", null), Of(Erase(ata)));

        Assert.Null(ata.Password);
    }

    [Fact]
    public void Ata_WhoseErasureFailsAndKeepsItsPassword_SaysWhichItIs()
    {
        var ata = new SimulatedAta(_disk);
        ata.DuringErase = () =>
        {
            ata.IsFrozen = true;
            return new ScsiReply(0, 3, []);
        };

        Assert.Equal(
            "ata-security-erase: SECURITY ERASE UNIT failed (it did not answer in time); it is still secured by the password 'baremetal' (it aborts the command): power it off and on, and clean it again",
            Erase(ata).FirstFailure);
    }

    [Theory]
    [InlineData(true, "locked")]
    [InlineData(false, "secured")]
    public void Ata_WithAPasswordOfSomebodyElse_IsTriedOnceAndLeftAlone(bool locked, string how)
    {
        var ata = new SimulatedAta(_disk) { Password = "theirs", IsLocked = locked };

        var failure = Erase(ata).FirstFailure;

        Assert.StartsWith($"it does not erase itself: it is {how} by a password that is not 'baremetal'", failure, StringComparison.Ordinal);
        Assert.Single(ata.Commands, (byte)0xf4);
        Assert.Equal("theirs", ata.Password);
    }

    [Fact]
    public void Erase_ThatIsAborted_StopsLookingAndLeavesTheDiskAtIt()
    {
        using var abort = new CancellationTokenSource();
        var nvme = new SimulatedNvme(_disk) { Sanitizes = 0b010 };
        _time.Paused = abort.Cancel;

        Assert.ThrowsAny<OperationCanceledException>(() => DiskEraser.Erase(Target(nvme), 512, EraseDepth.Secure, _progress, _time, abort.Token));

        Assert.Single(nvme.Changes);
    }

    [Fact]
    public void Disk_WithoutCommandsOfItsOwn_IsLeftAlone() =>
        Assert.Equal(new Erasure(0, DiskSize, "it cannot erase itself: it is neither an NVMe nor a SATA or SAS disk", 0), DiskEraser.Erase(new RecordingTarget(_disk), 512, EraseDepth.Secure, _progress, _time, TestContext.Current.CancellationToken));

    private Erasure Erase(IDeviceCommands commands) => DiskEraser.Erase(Target(commands), 512, EraseDepth.Secure, _progress, _time, TestContext.Current.CancellationToken);

    private RecordingTarget Target(IDeviceCommands commands) => new(_disk) { Commands = commands };

    private static (long Erased, string? Failure, string? Method) Of(Erasure erasure) => (erasure.ErasedBytes, erasure.FirstFailure, erasure.Method);

    private void AssertUntouched(Erasure erasure, string why, int changes)
    {
        Assert.Equal((0, DiskSize, why, null), (erasure.ErasedBytes, erasure.FailedBytes, erasure.FirstFailure, erasure.Method));
        Assert.Equal(0, changes);
        Assert.Equal(Noise(), _disk);
    }

    // Whatever is read from it afterwards, nothing finds a table there.
    private void AssertEndsAreZero()
    {
        Assert.False(_disk.AsSpan(0, 4 << 20).ContainsAnyExcept((byte)0));
        Assert.False(_disk.AsSpan(DiskSize - (4 << 20)).ContainsAnyExcept((byte)0));
    }

    private static ScsiReply? Nothing(TimeSpan? _) => null;

    private static byte[] Noise()
    {
        var noise = new byte[DiskSize];
        new Random(1).NextBytes(noise);
        return noise;
    }

    /// <summary>A disk that refuses some commands.</summary>
    private sealed class Without(IDeviceCommands device, Func<NvmeAdminCommand, int?> refusal) : IDeviceCommands
    {
        public DeviceProtocol Protocol => device.Protocol;

        public uint NvmeNamespace => device.NvmeNamespace;

        public int SendNvme(NvmeAdminCommand command, Span<byte> data) => refusal(command) ?? device.SendNvme(command, data);

        public ScsiReply SendScsi(ReadOnlySpan<byte> command, DataDirection direction, Span<byte> data, TimeSpan limit) => device.SendScsi(command, direction, data, limit);
    }

    /// <summary>No pause lasts.</summary>
    private sealed class EagerTime : TimeProvider
    {
        public Action? Paused { get; set; }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Paused?.Invoke();
            return base.CreateTimer(callback, state, dueTime > TimeSpan.Zero ? TimeSpan.FromMilliseconds(1) : dueTime, period);
        }
    }
}
