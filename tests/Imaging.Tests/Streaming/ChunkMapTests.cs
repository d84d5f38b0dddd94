using Baremetal.Imaging.Streaming;
using Baremetal.Support;

namespace Baremetal.Imaging.Tests.Streaming;

/// <summary>Which part of the disk is in which cell, what its letter says, and how that is drawn.</summary>
public sealed class ChunkMapTests
{
    private const int MiB = 1 << 20;

    [Fact]
    public void Cells_FewerChunksThanCells_AreOneAChunk()
    {
        var map = new ChunkMap(5);

        map.Count(0, ChunkState.Written);
        map.Count(1, ChunkState.Zeroed);
        map.Count(2, ChunkState.Held);
        map.Count(4, ChunkState.Written);

        Assert.Equal("WZH.W", map.ToString());
    }

    [Theory]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(100)]
    [InlineData(127)]
    [InlineData(524288)]
    public void Cells_MoreChunksThanCells_HaveEachChunkInOneAndAreWholeWhenAllAreDone(int chunks)
    {
        var map = new ChunkMap(chunks);

        for (var chunk = 0; chunk < chunks - 1; chunk++)
            map.Count(chunk, ChunkState.Written);

        Assert.Equal(new string('W', 63), map.ToString()[..63]);
        Assert.NotEqual('W', map.ToString()[63]);
        map.Count(chunks - 1, ChunkState.Written);
        Assert.Equal(new string('W', 64), map.ToString());
    }

    [Fact]
    public void Cell_OfSeveralKinds_IsTheLetterOfMostAndSmallUntilAllAreDone()
    {
        var map = new ChunkMap(64 * 5);

        map.Count(0, ChunkState.Zeroed);
        Assert.Equal('z', map.ToString()[0]);
        map.Count(1, ChunkState.Held);
        map.Count(2, ChunkState.Held);
        Assert.Equal('h', map.ToString()[0]);
        map.Count(3, ChunkState.Written);
        map.Count(4, ChunkState.Written);
        Assert.Equal('W', map.ToString()[0]);
        map.Count(0, ChunkState.ReadBack);
        Assert.Equal('r', map.ToString()[0]);
    }

    [Fact]
    public void Write_FromStartToEnd_MapsZerosAndDataAndTheEndsLast()
    {
        using var folder = new TestFolder();
        var image = Image(folder);
        var progress = new WriteProgress();
        var maps = new List<string>();
        var target = new RecordingTarget(new byte[40 * MiB]) { BeforeWrite = _ => maps.Add(progress.Map!) };

        Assert.Equal(WriteStatus.Written, Writing.To(target, image, new WriteOptions(Cores: 1), progress).Status);

        Assert.Equal("..........", maps[0]);
        Assert.Contains(".W.ZZZZZZ.", maps);
        Assert.Equal(".WWZZZZZZ.", maps[^1]);
        Assert.Equal("WWWZZZZZZW", progress.Map);
    }

    [Fact]
    public void Write_ThatComparesAndReadsBack_MapsWhatIsThereAndWhatWasReadBack()
    {
        using var folder = new TestFolder();
        var image = Image(folder);
        var disk = File.ReadAllBytes(image.Path);
        disk[(8 * MiB) + 5] ^= 1;
        var progress = new WriteProgress();
        var maps = new List<string>();
        var target = new RecordingTarget(disk) { BeforeWrite = _ => maps.Add(progress.Map!) };

        Assert.Equal(WriteStatus.Written, Writing.To(target, image, new WriteOptions(Reuse: true, ReadBack: true), progress).Status);

        Assert.Equal(".H.HHHHHH.", maps[0]);
        Assert.Contains(".RRRRRRRR.", maps);
        Assert.Equal("RRRRRRRRRR", progress.Map);
    }

    [Theory]
    [InlineData(".zZhHwWrR", 9, ".+0+=+#+@", "·▄░▄▒▄█▄▓")]
    [InlineData("WWWWZZZZ", 64, "####0000", "████░░░░")]
    [InlineData("WWWWZZZZ", 4, "##00", "██░░")]
    [InlineData("WWWWZZZZ..", 4, "#+0+", "█▄░▄")]
    [InlineData("W", 8, "#", "█")]
    [InlineData("WxY", 8, "#++", "█▄▄")]
    public void Draw_AsManyColumnsAsThereAre_IsAsciiOrBlocks(string map, int room, string ascii, string blocks)
    {
        Assert.Equal(ascii, ChunkStrip.Draw(map, room, isUtf8: false));
        Assert.Equal(blocks, ChunkStrip.Draw(map, room, isUtf8: true));
    }

    [Theory]
    [InlineData("xterm-256color", null, "C.UTF-8", true)]
    [InlineData("xterm", "de_DE.utf8", "C", true)]
    [InlineData("xterm", "C", "C.UTF-8", false)]
    [InlineData("xterm", null, null, false)]
    [InlineData("linux", null, "C.UTF-8", false)]
    [InlineData("dumb", null, "C.UTF-8", false)]
    [InlineData(null, null, "C.UTF-8", false)]
    public void IsUtf8_AsTerminalAndLocaleSay(string? term, string? all, string? lang, bool isUtf8) =>
        Assert.Equal(isUtf8, ChunkStrip.IsUtf8(name => name switch { "TERM" => term, "LC_ALL" => all, "LANG" => lang, _ => null }));

    // Ten chunks of 4 MiB: two of data after the first, then zeros.
    private static TestImage Image(TestFolder folder)
    {
        var disk = new byte[40 * MiB];
        new Random(3).NextBytes(disk.AsSpan(0, 11 * MiB));
        File.WriteAllBytes(folder["disk.raw"], disk);
        return TestImage.Sign(folder["disk.raw"]);
    }
}
