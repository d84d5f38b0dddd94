using System.Diagnostics;

namespace Baremetal.Lab.Tests;

/// <summary>A disk that loses its cache, used by QEMU's own client.</summary>
public sealed class VolatileDiskTests : IDisposable
{
    private const int SizeBytes = 8 << 20;
    private const int Seed = 1;

    private readonly string _folder = Directory.CreateTempSubdirectory("baremetal-volatile-").FullName;

    public VolatileDiskTests()
    {
        using var file = File.Create(Disk);
        file.SetLength(SizeBytes);
    }

    private string Disk => Path.Combine(_folder, "disk.raw");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void PowerCut_AfterAFlush_KeepsAllThatWasFlushed()
    {
        var loss = WriteAndLosePower("write -P 7 0 1M", "flush", "write -P 9 2M 1M");

        var disk = File.ReadAllBytes(Disk);
        Assert.All(disk[..(1 << 20)], value => Assert.Equal(7, value));
        Assert.Equal(256, loss.Unflushed);
        Assert.InRange(loss.Lost, 1, 255);
        Assert.Equal(loss.Lost, Sectors(disk, 2 << 20, 1 << 20).Count(sector => sector.All(value => value == 0)));
        Assert.Equal(256 - loss.Lost, Sectors(disk, 2 << 20, 1 << 20).Count(sector => sector.All(value => value == 9)));
    }

    [Fact]
    public void PowerCut_AfterOverwriting_LeavesEachSectorOldOrNew()
    {
        var loss = WriteAndLosePower("write -P 7 0 1M", "flush", "write -P 9 0 512k", "write -z -u 512k 512k");

        var disk = File.ReadAllBytes(Disk);
        Assert.Equal(loss.Lost, Sectors(disk, 0, 1 << 20).Count(sector => sector.All(value => value == 7)));
        Assert.All(Sectors(disk, 0, 512 << 10), sector => Assert.True(sector.All(value => value == 9) || sector.All(value => value == 7)));
        Assert.All(Sectors(disk, 512 << 10, 512 << 10), sector => Assert.True(sector.All(value => value == 0) || sector.All(value => value == 7)));
    }

    [Fact]
    public void Write_WithForcedUnitAccess_IsKept()
    {
        WriteAndLosePower("write -f -P 5 1M 64k");

        Assert.All(File.ReadAllBytes(Disk).AsSpan(1 << 20, 64 << 10).ToArray(), value => Assert.Equal(5, value));
    }

    [Fact]
    public void Read_AfterWrites_IsWhatWasWritten()
    {
        WriteAndLosePower("write -P 3 100k 200k", "read -P 3 100k 200k", "write -z -u 104k 4k", "read -P 0 104k 4k");
    }

    private static IEnumerable<byte[]> Sectors(byte[] disk, int offset, int length) => disk.AsSpan(offset, length).ToArray().Chunk(4096);

    // Ends as a machine without power does: by no farewell, which would flush.
    private CacheLoss WriteAndLosePower(params string[] commands)
    {
        var socket = Path.Combine(_folder, "disk.sock");
        using var disk = new VolatileDisk(Disk, Seed);
        using var server = new NbdServer(disk, socket);
        using var client = Process.Start(new ProcessStartInfo("stdbuf", ["-oL", "qemu-io", "-f", "raw", "-d", "unmap", "-t", "writeback", .. commands.SelectMany(command => new[] { "-c", command }), "-c", "abort", $"nbd+unix:///?socket={socket}"])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var said = client.StandardOutput.ReadToEnd();
        client.WaitForExit();
        Assert.DoesNotContain("failed", said, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(commands.Length, said.Split('\n').Count(line => line.Contains(" ops; ", StringComparison.Ordinal)) + commands.Count(command => command == "flush"));
        server.WaitUntilIdle();
        return disk.LosePower();
    }
}
