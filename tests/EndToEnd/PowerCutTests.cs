using Baremetal.Api;
using Baremetal.Lab;
using Baremetal.Support;

namespace Baremetal.EndToEnd;

/// <summary>
/// A server whose disk loses its write cache with the power, which goes again and again in the middle of a deploy: what is left boots nothing
/// or is the whole image, and in the end the deploy is done.
/// </summary>
public sealed class PowerCutTests : SiteTests
{
    private const int Cuts = 5;
    private static readonly int Deploys = Soak.Cases(1, inSoak: 10);
    private const long DiskBytes = 1L << 30;
    private const int ChunkBytes = 4 << 20;

    // So slow that each moment comes while somebody looks, however busy this machine is.
    private const int WrittenPerSecond = 4 << 20;

    private static readonly TimeSpan AgentBound = TimeSpan.FromMinutes(5);

    [Fact]
    public async Task Deploy_PowerCutFiveTimes_NeverBootsHalfAnImageAndFinishes()
    {
        var site = await OpenAsync(conductor: new LabConductorSettings { Attempts = 1 + Cuts });
        var lives = new List<Task<long>>();
        // Beside each other: their disks are slow, so that each waits for its own most of the time.
        for (var number = 0; number < Soak.Cases(1, inSoak: 4); number++)
        {
            var seed = Soak.FirstSeed + (number * Deploys);
            var server = await site.AddAvailableServerAsync(FirmwareMode.Bios, spec => spec with { Disks = [new VirtualDisk(DiskBytes, CacheLossSeed: seed, WrittenPerSecond: WrittenPerSecond)] });
            lives.Add(DeployUnderCutsAgainAndAgainAsync(site, server, seed));
        }
        var reused = await Task.WhenAll(lives);

        Assert.True(reused.Sum() > 0, "Nothing that had been written before a cut was ever reused.");
    }

    private static async Task<long> DeployUnderCutsAgainAndAgainAsync(Site site, VirtualServer server, int seed)
    {
        var reused = 0L;
        for (var deploy = 0; deploy < Deploys; deploy++)
        {
            if (deploy > 0)
                await ScrambleAsync(server, new Random(seed + deploy));
            reused += await DeployUnderCutsAsync(site, server, new Random(seed + deploy));
        }
        return reused;
    }

    // What a deploy finds written already, it does not write again.
    private static async Task ScrambleAsync(VirtualServer server, Random random)
    {
        await server.PowerOffAsync(TestContext.Current.CancellationToken);
        var bytes = new byte[new FileInfo(BuildOutputs.TinyRawImage).Length];
        random.NextBytes(bytes);
        await using var disk = new FileStream(server.DiskPath(), FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        await disk.WriteAsync(bytes, TestContext.Current.CancellationToken);
    }

    /// <summary>How much the last attempt found on the disk; nothing, if no chunk of the ones before had reached more than the write cache.</summary>
    private static async Task<long> DeployUnderCutsAsync(Site site, VirtualServer server, Random random)
    {
        (ProgressPhase Phase, long Bytes)[] moments =
        [
            (ProgressPhase.Zeroing, 0),
            (ProgressPhase.Writing, random.Next(5) * ChunkBytes),
            (ProgressPhase.Comparing, 0),
            (ProgressPhase.Writing, random.Next(3) * ChunkBytes),
            (ProgressPhase.Finishing, long.MaxValue),
        ];
        var (incomplete, isWhole) = (0, false);
        var job = await site.DeployAsync(server);
        foreach (var (phase, bytes) in moments)
        {
            await site.UntilAsync(job, told => IsAt(told, phase, bytes), $"the phase {phase} with {bytes} bytes");
            var since = server.Serial.Mark;
            await server.PowerOffAsync(TestContext.Current.CancellationToken);
            if (Boots(server))
            {
                AssertIsWhole(server);
                isWhole = true;
                break;
            }
            incomplete++;
            await server.Serial.WaitForLineAsync("agent: Baremetal deploy agent", AgentBound, since, TestContext.Current.CancellationToken);
        }
        // The conductor waits for the installed system now, and the mains are back.
        await server.PowerOnAsync(TestContext.Current.CancellationToken);

        var finished = await site.AssertFinishesAsync(server, job);
        // The whole image may lie there before the agent could say so.
        Assert.InRange(finished.Attempt, 1 + incomplete, 1 + incomplete + (isWhole ? 1 : 0));
        Assert.True(incomplete > 1, $"Only {incomplete} cuts came in the middle of the write: the test proves nothing.");
        Assert.Matches("Lost = [1-9]", await File.ReadAllTextAsync(server.Events.Path, TestContext.Current.CancellationToken));
        return finished.Result!.ReusedBytes;
    }

    // Or later: whoever follows is told once a second, and may miss a phase.
    private static bool IsAt(Event told, ProgressPhase phase, long bytes) =>
        told is { Kind: EventKinds.StepStarted, Step: OrderSteps.SetBootDisk }
        || (told.Progress is { Phase: { } at } progress && (at > phase || (at == phase && progress.DoneBytes >= bytes)));

    // BIOS starts LBA 0 if it is signed; UEFI believes a partition table only behind an LBA 0 that is.
    private static bool Boots(VirtualServer server) => Site.FirstBytes(server, 512)[510..] is [0x55, 0xaa];

    // But for the ends, which are made to fit the disk.
    private static void AssertIsWhole(VirtualServer server)
    {
        var length = (int)new FileInfo(BuildOutputs.TinyRawImage).Length - (2 * ChunkBytes);
        Assert.True(
            Site.Bytes(server.DiskPath(), ChunkBytes, length).AsSpan().SequenceEqual(Site.Bytes(BuildOutputs.TinyRawImage, ChunkBytes, length)),
            "The disk would boot, but its image is not whole.");
    }
}
