using System.CommandLine;
using System.Text.Json;
using Baremetal.Api;

namespace Baremetal.Cli.Jobs;

/// <summary><c>conductor job …</c>: the work that is done on nodes, one job at a time on each.</summary>
internal static class JobCommands
{
    /// <summary><c>--wait</c>, in every command that starts a job.</summary>
    public static Option<bool> Wait() => new("--wait") { Description = "Watches the job to its end: exit code 0 if it is done, 1 if it failed." };

    public static Verb List()
    {
        var node = new Option<string>("--node") { HelpName = "NODE", Description = "Only those of this node." };
        var state = new Option<JobState?>("--state") { HelpName = "running|done|failed|aborted", CustomParser = Word<JobState>.ParseOptional, Description = "Only those that are so." };
        return new Verb(
            "list",
            "Shows the jobs, the newest first: those that run, and those that ended, with why they failed.",
            """
            conductor job list --state running
            conductor job list --node r7 --state failed
            """,
            async (call, cancel) =>
            {
                using var conductor = call.Connect();
                var jobs = await conductor.ListJobsAsync(cancel, call.Get(node), call.Get(state)).ToArrayAsync(cancel);
                call.Show(new Page<Job>(jobs, null), CliJson.Api.PageJob, (screen, page) => JobViews.List(screen, page.Items, call.Now, isFiltered: call.Get(node) is not null || call.Get(state) is not null));
                return ExitCodes.Done;
            })
        {
            node,
            state,
        };
    }

    public static Verb Show()
    {
        var id = Id();
        var log = new Option<bool>("--log") { Description = "Shows instead what its agents told of a failure: disks, agent, kernel." };
        return new Verb(
            "show",
            "Shows one job in full: its steps, how long each took, and what it cost.",
            """
            conductor job show 019a9d43-6b0e-7f59-9d0a-3c1f5b0f7a51
            conductor job show 019a9d43 --log
            """,
            async (call, cancel) =>
            {
                using var conductor = call.Connect();
                if (call.Get(log))
                    call.Show(await conductor.GetJobLogAsync(call.Require(id), cancel), CliJson.Api.JobLog, JobViews.Log);
                else
                    call.Show(await conductor.GetJobAsync(call.Require(id), cancel), CliJson.Api.Job, (screen, job) => JobViews.Show(screen, job, call.Now));
                return ExitCodes.Done;
            })
        {
            id,
            log,
        };
    }

    public static Verb Watch()
    {
        var id = Id();
        return new Verb(
            "watch",
            "Follows a job step by step to its end, also when the conductor restarts. With --output json, each event is a line.",
            "conductor job watch 019a9d43-6b0e-7f59-9d0a-3c1f5b0f7a51",
            async (call, cancel) =>
            {
                using var follower = new JobFollower(call);
                return await follower.WatchAsync(call.Require(id), call.WantsJson ? Print : null, cancel);

                void Print(Event seen)
                {
                    call.Out.Writer.WriteLine(JsonSerializer.Serialize(seen, ApiJson.Default.Event));
                    call.Out.Writer.Flush();
                }
            })
        {
            id,
        };
    }

    public static Verb Abort()
    {
        var id = Id();
        return new Verb(
            "abort",
            "Stops a job. A disk that is being written then boots nothing, until the next deploy.",
            "conductor job abort 019a9d43-6b0e-7f59-9d0a-3c1f5b0f7a51",
            async (call, cancel) =>
            {
                using var conductor = call.Connect();
                call.Show(await conductor.AbortJobAsync(call.Require(id), cancel), CliJson.Api.Job, JobViews.Stopped);
                return ExitCodes.Done;
            })
        {
            id,
        };
    }

    private static Argument<string> Id() => new("JOB") { Description = "Its id, as 'conductor job list' shows it." };
}
