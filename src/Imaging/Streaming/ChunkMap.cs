namespace Baremetal.Imaging.Streaming;

/// <summary>What has been done with a chunk of the disk, last of all.</summary>
internal enum ChunkState
{
    /// <summary>Zeros, because the image has none but zeros there.</summary>
    Zeroed,

    /// <summary>There already.</summary>
    Held,

    Written,

    /// <summary>Read back and compared, after one of the others.</summary>
    ReadBack,
}

/// <summary>
/// Which parts of a disk are done, and how: cells of an equal share of its chunks each. Counted by any thread at the cost of one addition a
/// chunk, told to any other as one letter a cell:
/// <code>
///  .   nothing done      Z z   zeroed      H h   there already      W w   written      R r   read back
/// </code>
/// in capitals if all of the cell is done, and by what most of it is. The first and the last cell are not whole before the very end: the
/// disk's ends are written last.
/// </summary>
internal sealed class ChunkMap
{
    public const int MostCells = 64;

    public const char Untouched = '.';
    public const char Zeroed = 'Z';
    public const char Held = 'H';
    public const char Written = 'W';
    public const char ReadBack = 'R';

    private const int States = 4;

    private readonly int _chunks;
    private readonly int[] _counts;

    /// <param name="chunks">Of the disk.</param>
    public ChunkMap(int chunks)
    {
        _chunks = chunks;
        Cells = Math.Min(MostCells, chunks);
        _counts = new int[Cells * States];
    }

    public int Cells { get; }

    public void Count(int chunk, ChunkState state) => Interlocked.Increment(ref _counts[((int)((long)chunk * Cells / _chunks) * States) + (int)state]);

    /// <summary>One letter a cell, in the order of the disk.</summary>
    public override string ToString() => string.Create(Cells, this, (letters, map) =>
    {
        for (var cell = 0; cell < letters.Length; cell++)
            letters[cell] = map.LetterOf(cell);
    });

    // The first chunk of a cell; of the cell after the last, the disk's end.
    private long FirstOf(int cell) => (((long)cell * _chunks) + Cells - 1) / Cells;

    private char LetterOf(int cell)
    {
        var (zeroed, held, written, readBack) = (CountOf(cell, ChunkState.Zeroed), CountOf(cell, ChunkState.Held), CountOf(cell, ChunkState.Written), CountOf(cell, ChunkState.ReadBack));
        var done = readBack > 0 ? readBack : zeroed + held + written;
        if (done == 0)
            return Untouched;
        var letter = readBack > 0 ? ReadBack : written >= held && written >= zeroed ? Written : held >= zeroed ? Held : Zeroed;
        return done >= FirstOf(cell + 1) - FirstOf(cell) ? letter : char.ToLowerInvariant(letter);
    }

    private int CountOf(int cell, ChunkState state) => Volatile.Read(ref _counts[(cell * States) + (int)state]);
}
