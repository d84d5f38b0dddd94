namespace Baremetal.Imaging.Sources;

/// <summary>
/// One thread's connection to one mirror. Transient failures are borne up to the policy's measure; they count for the mirror, since it is
/// dropped for all threads.
/// </summary>
internal sealed class MirrorConnection : IDisposable
{
    private readonly SourceMirrors _mirrors;
    private readonly Mirror _mirror;
    private readonly CancellationToken _stop;
    private readonly IByteReader _reader;
    private readonly CancellationTokenRegistration _abort;
    private int _seenFailures;
    private TimeSpan _pause;
    private volatile bool _isCut;

    /// <summary>Under the mirrors' lock.</summary>
    public MirrorConnection(SourceMirrors mirrors, Mirror mirror, IByteReader reader, CancellationToken stop)
    {
        _mirrors = mirrors;
        _mirror = mirror;
        _stop = stop;
        _reader = reader;
        _seenFailures = mirror.Failures;
        mirror.Enter(this);
        _abort = stop.Register(_reader.Abort);
    }

    /// <summary>Bytes that came so far. From any thread.</summary>
    public long Received => _reader.Received;

    /// <summary>When it began to wait for the mirror, by the clock's timestamps; null while it does not. The mirror's own, under its lock.</summary>
    public long? WaitsSince { get; set; }

    /// <summary>Waits out the pause after a failure. False if the mirror is dropped or all is over.</summary>
    public bool IsReady()
    {
        if (_pause > TimeSpan.Zero)
            Task.Delay(_pause, _mirrors.Time, _stop).GetAwaiter().GetResult();
        _pause = TimeSpan.Zero;
        return !_stop.IsCancellationRequested && !_isCut && !_mirror.IsDropped();
    }

    public bool TryOpen(long offset, long length)
    {
        if (_mirror.IsReadByAnother(this))
        {
            Cut();
            return false;
        }
        _mirror.BeginWait(this);
        try
        {
            _reader.Open(offset, length);
            if (!_reader.IsWhole || _mirrors.MayReadWhole(_mirror, this))
                return true;
            Cut();
            return false;
        }
        catch (SourceException e)
        {
            Bear(e);
            return false;
        }
        finally
        {
            _mirror.EndWait(this);
        }
    }

    public bool TryRead(Span<byte> buffer)
    {
        _mirror.BeginWait(this);
        try
        {
            _reader.Read(buffer);
            return true;
        }
        catch (SourceException e)
        {
            Bear(e);
            return false;
        }
        finally
        {
            _mirror.EndWait(this);
            _mirrors.DropSlow();
        }
    }

    /// <summary>A chunk was had and is what was signed: earlier failures, of other threads too, no longer count.</summary>
    public void Succeeded()
    {
        _seenFailures = 0;
        _mirror.ForgetFailures();
    }

    /// <summary>Never asks this mirror again.</summary>
    public void Reject(string what) => _mirror.Drop($"{_mirror.Name} is not used: {what}.", MirrorReturn.Never);

    /// <summary>Whether both lead to one mirror, so that neither is worth trying where the other is slow.</summary>
    public bool LeadsWhere(MirrorConnection other) => _mirror == other._mirror;

    /// <summary>Ends what it waits for, and itself, from any thread. That is no failure.</summary>
    public void Cut()
    {
        _isCut = true;
        _reader.Abort();
    }

    public void Dispose()
    {
        _abort.Dispose();
        _reader.Dispose();
        _mirror.Leave(this);
    }

    private void Bear(SourceException e)
    {
        if (_stop.IsCancellationRequested || _isCut)
            return;
        if (!e.IsTransient)
        {
            _mirror.Drop(e.Message, MirrorReturn.Never);
            return;
        }
        _seenFailures = _mirror.CountFailure(_seenFailures, e.Message);
        if (_mirrors.IsWorthARetry(_mirror))
            // No failures, if another thread has just succeeded: this one waits all the same.
            _pause = _mirrors.Retries.DelayBefore(Math.Max(1, _seenFailures));
        else
            _mirror.Drop($"{e.Message} It was tried {_seenFailures} times.", MirrorReturn.WhilePatient);
    }
}
