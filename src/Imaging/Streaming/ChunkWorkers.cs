using System.Runtime.ExceptionServices;
using Baremetal.Imaging.Native;
using Baremetal.Imaging.Sources;

namespace Baremetal.Imaging.Streaming;

/// <summary>A worker's own: the buffer for one disk chunk, and a decoder.</summary>
internal sealed class ChunkWorker(SourceCache cache, int chunkSize, int maxCompressedLength) : IDisposable
{
    private readonly AlignedBuffer _buffer = new(chunkSize);

    public ChunkDecoder Decoder { get; } = new(cache, maxCompressedLength);

    public Span<byte> Buffer => _buffer.Span;

    public void Dispose()
    {
        Decoder.Dispose();
        _buffer.Dispose();
    }
}

/// <summary>The worker threads. Each carries its chunk from source to disk alone: no stage waits for another.</summary>
internal sealed class ChunkWorkers : IDisposable
{
    private readonly ChunkWorker[] _workers;

    public ChunkWorkers(int count, SourceCache cache, int chunkSize, int maxCompressedLength)
    {
        _workers = new ChunkWorker[count];
        for (var i = 0; i < count; i++)
            _workers[i] = new ChunkWorker(cache, chunkSize, maxCompressedLength);
    }

    /// <summary>For what is done on the caller's thread, while no other runs.</summary>
    public ChunkWorker First => _workers[0];

    /// <summary>Repeats a step on all threads until it says that there is no more; the first failure ends all and is thrown.</summary>
    /// <param name="step">The step.</param>
    /// <param name="beside">Repeated on one more thread until it has no more either, or the others are through.</param>
    public void Run(Func<ChunkWorker, bool> step, Func<bool>? beside = null)
    {
        Exception? failure = null;
        var areThrough = false;
        List<Thread> threads = [], others = [];
        try
        {
            foreach (var worker in _workers)
                threads.Add(Repeat(() => step(worker)));
            if (beside is not null)
                others.Add(Repeat(() => !Volatile.Read(ref areThrough) && beside()));
        }
        catch (Exception e)
        {
            // The system gives no more threads. Those that run are waited for all the same: they use what the caller disposes.
            Interlocked.CompareExchange(ref failure, e, null);
        }
        threads.ForEach(thread => thread.Join());
        Volatile.Write(ref areThrough, true);
        others.ForEach(thread => thread.Join());
        if (failure is not null)
            ExceptionDispatchInfo.Throw(failure);

        Thread Repeat(Func<bool> step)
        {
            var thread = new Thread(() =>
            {
                try
                {
                    while (Volatile.Read(ref failure) is null && step())
                    {
                    }
                }
                catch (Exception e)
                {
                    Interlocked.CompareExchange(ref failure, e, null);
                }
            })
            {
                IsBackground = true,
                Name = "write",
            };
            thread.Start();
            return thread;
        }
    }

    public void Dispose()
    {
        foreach (var worker in _workers)
            worker.Dispose();
    }
}
