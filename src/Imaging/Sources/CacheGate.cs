namespace Baremetal.Imaging.Sources;

/// <summary>
/// The cache's one lock, and the end of all that waits. What readers and fetchers share changes under this lock alone, and whoever changes it
/// wakes them all: each looks for itself whether it now has what it waits for. Nobody holds it while bytes come from a source.
/// </summary>
internal sealed class CacheGate : IDisposable
{
    private readonly CancellationTokenSource _stop = new();

    /// <summary>Why all is over, or null. Under the lock.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>For those who wait without the lock.</summary>
    public CancellationToken Stop => _stop.Token;

    /// <summary>Makes every wait end; the first failure stays.</summary>
    public void Fail(Exception failure)
    {
        lock (this)
        {
            Failure ??= failure;
            WakeAll();
        }
        _stop.Cancel();
    }

    /// <summary>Lets go of the lock until something has changed.</summary>
    public void Wait() => Monitor.Wait(this);

    /// <summary>Something has changed. Under the lock.</summary>
    public void WakeAll() => Monitor.PulseAll(this);

    public void Dispose() => _stop.Dispose();
}
