using System.Threading.Channels;
using Baremetal.Api;
using Baremetal.Conductor.Agents;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Nodes;
using Baremetal.Conductor.Settings;
using Dapper;

namespace Baremetal.Conductor.Jobs;

/// <summary>
/// Moves jobs on. A tick is one transaction: claim a job that is due, decide, write the decision down. Only an effect leaves it: the claim
/// is then held as a lease, the effect is had outside of any transaction, and its result is written under the claim's fence.
/// </summary>
public sealed partial class Worker(IDatabase database, Effects effects, ConductorSettings settings, TimeProvider time, ILogger<Worker> logger) : BackgroundService
{
    /// <summary>Should this process die in the middle of an effect, the job waits this long for the next one.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(15);

    /// <summary>Changes wake the worker; this is for what nobody announces, above all time that passes.</summary>
    private static readonly TimeSpan Pace = TimeSpan.FromSeconds(1);

    /// <summary>Effects at one time: as many machines as may be switched on together without tripping a rack's fuse.</summary>
    private const int MostEffects = 16;

    /// <summary>
    /// A loop that did not come round for so long stood still with all of this process, or waited for a disk that stood still: the agents may
    /// have spoken, and we did not hear.
    /// </summary>
    private static readonly TimeSpan Deafness = TimeSpan.FromSeconds(10);

    private readonly string _owner = Guid.NewGuid().ToString();
    private readonly Channel<bool> _news = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly SemaphoreSlim _places = new(MostEffects, MostEffects);
    private DateTimeOffset _watchingSince = time.GetUtcNow();
    private long _ticked = time.GetTimestamp();

    /// <summary>How long ago the loop last came round. A worker that hangs shows here, whatever else still answers.</summary>
    public TimeSpan SinceTick => time.GetElapsedTime(Interlocked.Read(ref _ticked));

    public override void Dispose()
    {
        base.Dispose();
        _places.Dispose();
    }

    /// <summary>Before anybody can be answered.</summary>
    public override Task StartAsync(CancellationToken cancellationToken)
    {
        if (database.Write(SetBackClock.Mend) is { Ticks: > 0 } by)
            LogClockSetBack(by);
        return base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        database.Changed += OnChanged;
        var running = new List<Task>();
        try
        {
            effects.Sweep();
            while (!stoppingToken.IsCancellationRequested)
            {
                ComeRound();
                running.RemoveAll(effect => effect.IsCompleted);
                if (!TryTick(running, stoppingToken))
                    await WaitForNewsAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // Told to stop: what is claimed is taken up again when its lease ends.
        }
        finally
        {
            database.Changed -= OnChanged;
            await Task.WhenAll(running);
        }
    }

    /// <summary>False when there is nothing to do now.</summary>
    private bool TryTick(List<Task> running, CancellationToken stop)
    {
        try
        {
            if (database.Write(Tick) is not { } tick)
                return false;
            if (tick.Decision is not Decision.Wait)
                LogDecision(tick.Node, tick.Job.Kind.ToString().ToLowerInvariant(), tick.Job.Id, tick.Decision.Describe(tick.Job.Step, tick.Job.Attempt));
            if (tick.Decision is Decision.Do act)
                running.Add(ActAsync(tick.Job, act.Effect, stop));
            else if (tick.Decision is not Decision.Wait)
                effects.Sweep();
            return true;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // The database's trouble (a full disk, an engine that restarts) is nobody's decision: the next round finds the job as it was.
            LogTickFailed(e);
            // What agents say cannot be written down now either.
            _watchingSince = time.GetUtcNow();
            return false;
        }
    }

    private Ticked? Tick(WriteTransaction tx)
    {
        // Again: the transaction may have waited for its turn as long as the agents' own.
        ComeRound();
        if (database.Claim(tx, _owner, Lease) is not { } id)
            return null;
        var job = JobTable.Get(tx.Sql, id);
        var decision = Steps.Next(job, JobTable.FactsOf(tx.Sql, job, _watchingSince), settings.Limits, tx.Now);
        // Whoever needs no machine switched does not wait for those who do.
        if (decision is Decision.Do && _places.CurrentCount == 0)
            decision = new Decision.Wait(tx.Now + Pace, $"a free place among {MostEffects} power actions");
        Apply(tx, job, decision);
        return new Ticked(job, NodeTable.ById(tx.Sql, job.Node).Name, decision);
    }

    private void ComeRound()
    {
        if (SinceTick > Deafness)
            _watchingSince = time.GetUtcNow();
        Interlocked.Exchange(ref _ticked, time.GetTimestamp());
    }

    private static void Apply(WriteTransaction tx, JobRow job, Decision decision)
    {
        switch (decision)
        {
            case Decision.Wait wait:
                JobTable.Wait(tx, job, wait.Until, wait.For);
                break;
            case Decision.Do:
                // The claim is the intent: it stays, as a lease, until the result is written.
                break;
            case Decision.Advance advance:
                // From here on what was there is not to be relied on.
                if (advance.Step is OrderSteps.WriteImage or OrderSteps.Erase)
                    tx.Sql.Execute("UPDATE nodes SET image = NULL, ssh_host_keys = NULL, revision = revision + 1 WHERE id = @Node", new { job.Node });
                JobTable.Begin(tx, job, advance.Step, job.Attempt);
                break;
            case Decision.Again again:
                JobTable.Begin(tx, job, Steps.BootFromNetwork, job.Attempt + 1, again.Cause);
                break;
            case Decision.Finish:
                Succeed(tx, job);
                JobTable.Finish(tx, job, JobOutcome.Done);
                break;
            case Decision.Fail fail:
                EndRescue(tx, job);
                NodeTable.Move(tx, NodeTable.ById(tx.Sql, job.Node), job.Kind == JobKind.Rescue ? EndOfRescue(job) : Move.Fail, job.Id, fail.Cause);
                JobTable.Finish(tx, job, JobOutcome.Failed, fail.Cause, fail.Code);
                break;
            case Decision.Abort:
                EndRescue(tx, job);
                Abort(tx, job);
                JobTable.Finish(tx, job, JobOutcome.Aborted, "An operator aborted it.");
                break;
            default:
                throw new InvalidOperationException($"unknown decision {decision}");
        }
    }

    private static void Succeed(WriteTransaction tx, JobRow job)
    {
        var node = NodeTable.ById(tx.Sql, job.Node);
        if (job.Kind == JobKind.Inspect)
        {
            NodeTable.Move(tx, node, job.Origin == NodeState.Available ? Move.InspectedAvailable : Move.Inspected, job.Id);
            return;
        }
        if (job.Kind == JobKind.Clean)
        {
            NodeTable.Move(tx, node, Move.Cleaned, job.Id);
            return;
        }
        if (job.Kind == JobKind.Rescue)
        {
            NodeTable.Move(tx, node, EndOfRescue(job), job.Id, job.Origin == NodeState.Failed ? JobTable.LastFailure(tx, job.Node) : null);
            EndRescue(tx, job);
            return;
        }
        NodeTable.Move(tx, node, Move.Deployed, job.Id);
        tx.Sql.Execute("UPDATE nodes SET image = @Image WHERE id = @Node", new { job.Node, job.Image });
        AgentTable.EndBoots(tx, job.Node, tx.Now);
    }

    // Somebody was root in that ramdisk: whatever comes next begins with another.
    private static void EndRescue(WriteTransaction tx, JobRow job)
    {
        if (job.Kind == JobKind.Rescue && job.OrderAttempt > 0)
            AgentTable.EndBoots(tx, job.Node, tx.Now);
    }

    // Nothing was written by us, so that the node is what it was.
    private static Move EndOfRescue(JobRow job) => job.Origin switch
    {
        NodeState.Active => Move.Rescued,
        NodeState.Available => Move.RescuedAvailable,
        _ => Move.Fail,
    };

    // A deploy that is aborted may have left half an image: only an operator can say that the node is fit again.
    private static void Abort(WriteTransaction tx, JobRow job)
    {
        var node = NodeTable.ById(tx.Sql, job.Node);
        if (job.Kind == JobKind.Inspect && job.Origin is not (NodeState.Failed or NodeState.Held))
            NodeTable.Move(tx, node, job.Origin == NodeState.Available ? Move.InspectedAvailable : Move.Inspected, job.Id);
        else
            NodeTable.Move(tx, node, job.Kind == JobKind.Rescue ? EndOfRescue(job) : Move.Fail, job.Id, $"Its {job.Kind.ToString().ToLowerInvariant()} was aborted by an operator at '{job.Step}'.");
    }

    private async Task ActAsync(JobRow job, Effect effect, CancellationToken stop)
    {
        await _places.WaitAsync(stop);
        try
        {
            var result = await HoldingAsync(job, cancel => effects.HaveAsync(job, effect, cancel), stop);
            database.Write(tx =>
            {
                if (JobTable.Acted(tx, job, result) && result.MachineOffAt is { } off)
                    AgentTable.EndBoots(tx, job.Node, off);
            });
        }
        catch (OperationCanceledException)
        {
            // Stopped, or the claim was lost: whoever claims the job next has the effect once more.
        }
        catch (Exception e)
        {
            // Only the database can fail here: what an effect runs into is its result.
            LogResultLost(e, job.Id, effect);
        }
        finally
        {
            _places.Release();
            Wake();
        }
    }

    /// <summary>Renews the lease while the work lasts, and ends the work when another has claimed the job.</summary>
    private async Task<T> HoldingAsync<T>(JobRow job, Func<CancellationToken, Task<T>> work, CancellationToken stop)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var working = work(end.Token);
        try
        {
            while (!end.IsCancellationRequested && await Task.WhenAny(working, Task.Delay(Lease / 3, time, end.Token)) != working)
            {
                if (!database.Renew(job.Id, job.Fence, Lease))
                    break;
            }
        }
        finally
        {
            // Ends the pause if the work is done, and the work if the lease is lost or cannot be renewed: two must never switch one machine.
            await end.CancelAsync();
            await ((Task)working).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        }
        return await working;
    }

    private async Task WaitForNewsAsync(CancellationToken stop)
    {
        using var pace = new CancellationTokenSource(Pace, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(pace.Token, stop);
        try
        {
            await _news.Reader.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            // Nothing was announced; look all the same.
        }
    }

    private void OnChanged(object? sender, EventArgs changed) => Wake();

    private void Wake() => _news.Writer.TryWrite(true);

    [LoggerMessage(2001, LogLevel.Information, "{Node}: {Kind} {Job}: {What}")]
    private partial void LogDecision(string node, string kind, string job, string what);

    [LoggerMessage(2002, LogLevel.Error, "The worker could not write to the database; it tries again")]
    private partial void LogTickFailed(Exception error);

    [LoggerMessage(2003, LogLevel.Error, "Job {Job}: the result of {Effect} could not be written to the database; it is had again when its lease ends")]
    private partial void LogResultLost(Exception error, string job, Effect effect);

    [LoggerMessage(2004, LogLevel.Warning, "The clock is {By} behind what was written last: it was set back, or is wrong. Limits and leases of work under way were moved back with it.")]
    private partial void LogClockSetBack(TimeSpan by);

    private sealed record Ticked(JobRow Job, string Node, Decision Decision);
}
