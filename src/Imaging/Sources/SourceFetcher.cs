using Baremetal.Trust;

namespace Baremetal.Imaging.Sources;

/// <summary>Whether these are the chunk's bytes. Asked once for each chunk that is fetched, before anything reads it.</summary>
internal delegate bool AdmitChunk(int chunk, ReadOnlySpan<byte> data);

/// <summary>One thread that fetches: run after run through one mirror, and through another when that one is given up.</summary>
internal sealed class SourceFetcher
{
    private readonly int _number;
    private readonly SourceMirrors _mirrors;
    private readonly ChunkLayout _layout;
    private readonly AdmitChunk _admit;
    private readonly FetchRuns _runs;
    private readonly CacheGate _gate;
    private readonly Thread _thread;

    public SourceFetcher(int number, SourceMirrors mirrors, ChunkLayout layout, AdmitChunk admit, FetchRuns runs, CacheGate gate)
    {
        _number = number;
        _mirrors = mirrors;
        _layout = layout;
        _admit = admit;
        _runs = runs;
        _gate = gate;
        _thread = new Thread(Fetch) { IsBackground = true, Name = $"fetch {number}" };
        _thread.Start();
    }

    /// <summary>Waits for its end, which only a failure brings.</summary>
    public void Join() => _thread.Join();

    private void Fetch()
    {
        try
        {
            while (_mirrors.TryConnect(_number, _gate.Stop) is { } mirror)
            {
                using var connection = mirror;
                while (connection.IsReady() && _runs.Claim(connection) is { } run)
                    Fetch(connection, run);
                if (_gate.Stop.IsCancellationRequested)
                    return;
            }
            // A mirror that gives the file only whole is read by another thread alone, which goes on.
            if (_mirrors.NoneLeft() is { } failure)
                _gate.Fail(failure);
        }
        catch (OperationCanceledException)
        {
            // The one who cancelled knows why.
        }
        catch (Exception e)
        {
            _gate.Fail(e);
        }
    }

    private void Fetch(MirrorConnection connection, FetchRun run)
    {
        try
        {
            var isOpen = false;
            while (run.Next < run.End && _runs.TryTakeSlot(run, out var slot))
            {
                var (number, isFetched) = (run.Next, false);
                try
                {
                    if (!isOpen)
                        isOpen = connection.TryOpen(_layout.OffsetOf(number), _layout.OffsetOf(run.End - 1) + _layout.LengthOf(run.End - 1) - _layout.OffsetOf(number));
                    var data = slot.Buffer[.._layout.LengthOf(number)];
                    isFetched = isOpen && connection.TryRead(data);
                    if (isFetched && !_admit(number, data))
                    {
                        isFetched = false;
                        connection.Reject($"its chunk {number} of the image file (bytes {_layout.OffsetOf(number)} to {_layout.OffsetOf(number) + data.Length}) is not what was signed");
                    }
                }
                finally
                {
                    _runs.Settle(run, slot, isFetched);
                }
                if (!isFetched)
                    return;
                connection.Succeeded();
            }
        }
        finally
        {
            _runs.GiveBack(run);
        }
    }
}
