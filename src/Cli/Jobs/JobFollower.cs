using Baremetal.Api;
using Baremetal.Api.Client;
using Baremetal.Trust;

namespace Baremetal.Cli.Jobs;

/// <summary>Watches a job to its end, across restarts of the conductor, and makes its outcome the exit code.</summary>
internal sealed class JobFollower : IDisposable
{
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);

    // What a step waits for is in no event, so it is asked for now and then.
    private const int TicksBetweenQuestions = 5;

    // Each takes some seconds of the client's own patience: as long as a conductor may take to come back.
    private const int MostQuestions = 60;

    private readonly Invocation _call;
    private readonly JobStory? _story;

    // Set by the call that waits for the conductor, shown by the loop that draws.
    private volatile Problem? _away;

    public JobFollower(Invocation call)
    {
        _call = call;
        _story = call.WantsJson ? null : new JobStory(call.Out);
        Conductor = ConductorAccess.Open(call, problem => _away = problem);
    }

    public ConductorClient Conductor { get; }

    /// <summary>Orders a job for each node, and then waits for all that were ordered, or says so.</summary>
    public async Task<int> StartAsync(IReadOnlyList<string> nodes, Func<string, Task<Job>> order, bool wait, CancellationToken cancel)
    {
        var jobs = new List<Job>();
        var ordered = await OneByOne.RunAsync(_call, nodes, async node =>
        {
            jobs.Add(await order(node));
            return ExitCodes.Done;
        });
        var ended = await OneByOne.RunAsync(_call, jobs, job => StartedAsync(job, wait, cancel));
        return ordered == ExitCodes.Done || ordered == ended ? ended : ended == ExitCodes.Done ? ordered : ExitCodes.Failed;
    }

    private async Task<int> StartedAsync(Job job, bool wait, CancellationToken cancel)
    {
        if (!wait)
        {
            _call.Show(job, CliJson.Api.Job, JobViews.Started);
            return ExitCodes.Done;
        }
        if (!_call.WantsJson)
            _call.Out.Line($"{JobViews.Title(job)}, job {job.Id}");
        var ended = await FollowAsync(job.Id, tell: null, cancel);
        _call.Show(ended, CliJson.Api.Job, JobViews.Ended);
        return Conclude(ended);
    }

    /// <summary>Follows a job from its beginning.</summary>
    /// <param name="id">Of the job.</param>
    /// <param name="tell">Told each event.</param>
    /// <param name="cancel">Ends the watching, not the job.</param>
    public async Task<int> WatchAsync(string id, Action<Event>? tell, CancellationToken cancel)
    {
        var ended = await FollowAsync(id, tell, cancel);
        if (!_call.WantsJson)
            JobViews.Ended(_call.Out, ended);
        return Conclude(ended);
    }

    public void Dispose() => Conductor.Dispose();

    private static int Conclude(Job job) => job.Outcome == JobOutcome.Done
        ? ExitCodes.Done
        : throw new Failure(ExitCodes.Failed, JobViews.WhyEnded(job));

    private async Task<Job> FollowAsync(string id, Action<Event>? tell, CancellationToken cancel)
    {
        try
        {
            await using var events = Conductor.FollowJobAsync(id, cancel: cancel).GetAsyncEnumerator(cancel);
            var next = events.MoveNextAsync().AsTask();
            for (var ticks = 0; ; ticks++)
            {
                // An enumerator must not be left while it is busy: only awaiting it may throw here.
                if (await Task.WhenAny(next, Task.Delay(Tick, _call.Shell.Time, CancellationToken.None)) != next)
                {
                    if (ticks % TicksBetweenQuestions == 0)
                        await AskWhatForAsync(id, cancel);
                    if (_away is { } problem)
                        _story?.Away(problem);
                }
                else if (await next)
                {
                    _away = null;
                    tell?.Invoke(events.Current);
                    _story?.Tell(events.Current);
                    next = events.MoveNextAsync().AsTask();
                }
                else
                {
                    break;
                }
                _story?.Draw(_call.Now);
            }
            _story?.Close();
            return await EndedAsync(id, cancel);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            throw new Failure(ExitCodes.Interrupted, new Rejection($"Job {id} is no longer watched; it goes on.", $"'conductor job watch {id}' watches it again, 'conductor job abort {id}' stops it."));
        }
    }

    // The conductor may go away between the last event and the question how it ended.
    private async Task<Job> EndedAsync(string id, CancellationToken cancel)
    {
        for (var left = MostQuestions; ; left--)
        {
            try
            {
                var job = await Conductor.GetJobAsync(id, cancel);
                return job.Outcome is not null
                    ? job
                    : throw new Failure(ExitCodes.Failed, new Rejection($"The conductor stopped telling of job {id} before its end.", $"'conductor job watch {id}' asks again."));
            }
            catch (ProblemException e) when (e.Problem.Type == Problems.Unreachable && left > 1)
            {
                await Task.Delay(Tick, _call.Shell.Time, cancel);
            }
        }
    }

    private async Task AskWhatForAsync(string id, CancellationToken cancel)
    {
        try
        {
            var job = await Conductor.GetJobAsync(id, cancel);
            _away = null;
            _story?.WaitsFor(job.WaitingFor, _call.Now);
        }
        catch (Exception e) when (e is ProblemException or OperationCanceledException)
        {
            // The events say how it goes on; this was only to say it better.
        }
    }
}
