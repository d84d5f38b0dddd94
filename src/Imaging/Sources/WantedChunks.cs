using System.Diagnostics.CodeAnalysis;

namespace Baremetal.Imaging.Sources;

/// <summary>
/// The chunks that are here or that somebody needs, and which of the absent ones is fetched first: the one whose next use is soonest. Under
/// the cache's lock.
/// </summary>
internal sealed class WantedChunks
{
    private readonly Dictionary<int, CachedChunk> _chunks = [];

    // What is wanted at once comes in the file's order: a run that began in its middle would leave the rest to a request of its own.
    private readonly PriorityQueue<int, (long Turn, int Chunk)> _wanted = new();

    /// <summary>One that is present, claimed or used.</summary>
    public CachedChunk this[int number] => _chunks[number];

    public bool TryGet(int number, [NotNullWhen(true)] out CachedChunk? chunk) => _chunks.TryGetValue(number, out chunk);

    public CachedChunk GetOrAdd(int number)
    {
        if (!_chunks.TryGetValue(number, out var chunk))
            _chunks.Add(number, chunk = new CachedChunk(number));
        return chunk;
    }

    public bool IsWanted(int number) => _chunks.TryGetValue(number, out var chunk) && chunk.IsWanted;

    /// <summary>It is to be fetched for that turn.</summary>
    public void Want(CachedChunk chunk, long turn) => _wanted.Enqueue(chunk.Number, (turn, chunk.Number));

    /// <summary>It is not here, or not on its way any more: it is wanted anew if it is needed, else forgotten.</summary>
    public void GiveBack(CachedChunk chunk)
    {
        chunk.State = FetchState.Absent;
        if (chunk.NextUse != CachedChunk.Never)
            Want(chunk, chunk.NextUse);
        else if (chunk.Claims == 0)
            _chunks.Remove(chunk.Number);
    }

    /// <summary>
    /// Which is fetched first. The queue is mended here: what was fetched meanwhile falls out, what is needed later than it says moves back.
    /// </summary>
    public bool TryPeek(out int number, out long turn)
    {
        while (_wanted.TryPeek(out number, out var priority))
        {
            turn = priority.Turn;
            if (_chunks.TryGetValue(number, out var chunk) && chunk.IsWanted)
            {
                if (chunk.NextUse <= turn)
                    return true;
                _wanted.DequeueEnqueue(number, (chunk.NextUse, number));
            }
            else
            {
                _wanted.Dequeue();
                if (chunk is { State: FetchState.Absent, NextUse: CachedChunk.Never, Claims: 0 })
                    _chunks.Remove(number);
            }
        }
        (number, turn) = (-1, CachedChunk.Never);
        return false;
    }

    /// <summary>Takes the one that was peeked at out of the queue.</summary>
    public void Dequeue() => _wanted.Dequeue();
}
