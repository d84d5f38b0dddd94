using System.Data;
using Baremetal.Api;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Events;
using Baremetal.Conductor.Nodes;
using Baremetal.Conductor.Runners;
using Dapper;

namespace Baremetal.Conductor.Jobs;

/// <summary>The jobs' statements.</summary>
internal static class JobTable
{
    /// <summary>Ids begin with the time, so that this much tells nothing yet; but it is what people try.</summary>
    private const int ShortestBeginning = 4;

    public static JobRow Get(IDbConnection sql, string id) =>
        sql.QuerySingleOrDefault<JobRow>("SELECT * FROM jobs WHERE id = @id", new { id }) ?? throw Problems.NotFound("job", id, "'conductor job list' shows all.");

    /// <summary>As an operator names it: by its id, or the beginning of one that no other id has.</summary>
    public static JobRow Find(IDbConnection sql, string id)
    {
        var begin = id.ToLowerInvariant();
        if (begin.Length < ShortestBeginning || !begin.All(c => char.IsAsciiHexDigit(c) || c == '-'))
            return Get(sql, id);
        return sql.Query<JobRow>("SELECT * FROM jobs WHERE id >= @begin AND id < @begin || '~' ORDER BY id DESC LIMIT 3", new { begin }).AsList() switch
        {
            [] => Get(sql, id),
            [var one] => one,
            var several => throw Problems.Conflict("ambiguous", $"Several jobs begin with '{id}', such as {several[0].Id} and {several[1].Id}.", "Give more of the id: 'conductor job list' shows all."),
        };
    }

    public static JobRow? Unfinished(IDbConnection sql, string node) =>
        sql.QuerySingleOrDefault<JobRow>("SELECT * FROM jobs WHERE node = @node AND finished IS NULL", new { node });

    public static JobRow? ByIdempotencyKey(IDbConnection sql, string? key) =>
        key is null ? null : sql.QuerySingleOrDefault<JobRow>("SELECT * FROM jobs WHERE idempotency_key = @key", new { key });

    /// <summary>The newest first: ids grow with time.</summary>
    public static List<JobRow> Page(IDbConnection sql, string? after, string? node, JobState? state, int limit) =>
        sql.Query<JobRow>(
            $"SELECT * FROM jobs WHERE id < @after {(node is null ? "" : "AND node = @node")} {(state switch { null => "", JobState.Running => "AND finished IS NULL", _ => "AND outcome = @state" })} ORDER BY id DESC LIMIT @limit",
            new { after = after ?? "~", node, state = state?.ToString(), limit }).AsList();

    public static Job View(IDbConnection sql, JobRow job)
    {
        var steps = sql.Query<StepRow>("SELECT name, attempt, started, ended, cause FROM job_steps WHERE job = @Id ORDER BY number", new { job.Id });
        return job.ToApi(
            sql.QuerySingle<string>("SELECT name FROM nodes WHERE id = @Node", new { job.Node }),
            [.. steps.Select(step => new JobStep(step.Name, step.Attempt, step.Started, step.Ended, step.Cause))]);
    }

    public static Facts FactsOf(IDbConnection sql, JobRow job, DateTimeOffset watchingSince)
    {
        var node = NodeTable.ById(sql, job.Node);
        // The newest word on each step, in the order told; 'done' is kept whatever is told after it.
        var reports = new Dictionary<string, StepFact>(StringComparer.Ordinal);
        foreach (var row in sql.Query<ReportRow>("SELECT step, outcome, cause, code, at FROM step_reports WHERE job = @Id ORDER BY at", new { job.Id }))
        {
            if (reports.GetValueOrDefault(row.Step) is not { Outcome: StepOutcome.Done })
                reports[row.Step] = new StepFact(row.Outcome, row.At, row.Cause, row.Code);
        }
        return new Facts(
            watchingSince,
            node is { AgentEnrolledAt: { } enrolled, AgentLastSeen: { } seen, AgentLeftAt: null } ? new AgentFacts(enrolled, seen, node.AgentInventoryAt, node.AgentPinned, node.AgentTwin) : null,
            node.SystemSeen,
            reports,
            job.PhonedAt,
            job.MakesRunner && RunnerTable.OfNode(sql, job.Node) is { } runner ? new RunnerFacts(runner.State, runner.Cause) : null);
    }

    public static void Insert(WriteTransaction tx, JobRow job)
    {
        var row = new DynamicParameters(job);
        row.Add("kindName", job.Kind.ToString());
        row.Add("originName", job.Origin.ToString());
        tx.Sql.Execute(
            """
            INSERT INTO jobs (id, node, kind, origin, created, idempotency_key, request_sha256, spec, user_data, clean, rescue, image, manifest_sha256, disk_bytes, source_bytes, redeploy,
                step, step_started, attempt, acted, tries, order_attempt, abort_requested, due, fence)
            VALUES (@Id, @Node, @kindName, @originName, @Created, @IdempotencyKey, @RequestSha256, @Spec, @UserData, @Clean, @Rescue, @Image, @ManifestSha256, @DiskBytes, @SourceBytes, @Redeploy,
                @Step, @Created, 1, 0, 0, 0, 0, @Created, 0)
            """,
            row);
        tx.Append(EventKinds.JobStarted, job.Node, job.Id, text: job.Image is null ? job.Kind.ToString().ToLowerInvariant() : $"deploy {job.Image}");
    }

    /// <summary>Something became known: the worker shall look now.</summary>
    public static void Wake(WriteTransaction tx, string node) =>
        tx.Sql.Execute("UPDATE jobs SET due = @now WHERE node = @node AND finished IS NULL AND due > @now", new { node, now = tx.Now });

    /// <summary>Puts off the next look, and lets the job go.</summary>
    public static void Wait(WriteTransaction tx, JobRow job, DateTimeOffset until, string waitingFor) =>
        tx.Sql.Execute(
            "UPDATE jobs SET due = @until, waiting_for = @waitingFor, owner = NULL, lease_until = NULL WHERE id = @Id",
            new { job.Id, until, waitingFor });

    /// <summary>Ends the step that runs, with its cause if it failed, and begins another.</summary>
    public static void Begin(WriteTransaction tx, JobRow job, string step, int attempt, string? causeOfEnd = null)
    {
        EndStep(tx, job, causeOfEnd);
        tx.Sql.Execute(
            """
            UPDATE jobs SET step = @step, step_started = @now, progressed = NULL, silent_until = NULL, attempt = @attempt, acted = 0, tries = 0, trouble = NULL, trouble_code = NULL, retry_at = NULL, waiting_for = NULL,
                note = CASE WHEN @step = 'wait-for-agent' THEN note END, agent_nonce = CASE WHEN attempt = @attempt THEN agent_nonce END, due = @now, owner = NULL, lease_until = NULL
            WHERE id = @Id
            """,
            new { job.Id, step, attempt, now = tx.Now });
        tx.Sql.Execute(
            """
            INSERT INTO job_steps (job, number, name, attempt, started)
            VALUES (@Id, (SELECT count(*) FROM job_steps WHERE job = @Id) + 1, @step, @attempt, @now)
            """,
            new { job.Id, step, attempt, now = tx.Now });
        tx.Append(EventKinds.StepStarted, job.Node, job.Id, step, attempt > 1 ? $"attempt {attempt}" : null);
    }

    /// <summary>Why the node's last job but a rescue did not end well, which is why the node is failed.</summary>
    public static string? LastFailure(WriteTransaction tx, string node) => tx.Sql.QueryFirstOrDefault<string>(
        "SELECT cause FROM jobs WHERE node = @node AND kind <> 'Rescue' AND outcome <> 'Done' ORDER BY created DESC, id DESC", new { node });

    /// <param name="code">Of a failure: one of <see cref="FailureCodes"/>.</param>
    public static void Finish(WriteTransaction tx, JobRow job, JobOutcome outcome, string? cause = null, string? code = null)
    {
        EndStep(tx, job, cause);
        tx.Sql.Execute(
            """
            UPDATE jobs SET outcome = @outcome, cause = @cause, failure_code = @code, finished = @now, user_data = NULL, waiting_for = NULL, owner = NULL, lease_until = NULL
            WHERE id = @Id
            """,
            new { job.Id, outcome = outcome.ToString(), cause, code, now = tx.Now });
        var word = outcome.ToString().ToLowerInvariant();
        tx.Append(EventKinds.JobFinished, job.Node, job.Id, text: cause is null ? word : $"{word}: {cause}");
    }

    /// <summary>The result of an effect; false when another has claimed the job since, and this result is nobody's.</summary>
    public static bool Acted(WriteTransaction tx, JobRow job, EffectResult result) =>
        tx.Sql.Execute(
            """
            UPDATE jobs SET acted = @acted, tries = tries + 1, trouble = @Trouble, trouble_code = @TroubleCode, retry_at = @RetryAt, note = @Note,
                target = coalesce(@Target, target), targets = coalesce(@Targets, targets), config_drive_sha256 = coalesce(@ConfigDriveSha256, config_drive_sha256),
                phone_sha256 = coalesce(@PhoneSha256, phone_sha256), stale_config_drives = coalesce(@StaleConfigDrives, stale_config_drives), erased = coalesce(@erased, erased),
                due = @now, owner = NULL, lease_until = NULL
            WHERE id = @Id AND fence = @Fence AND finished IS NULL
            """,
            new { job.Id, job.Fence, acted = result.Trouble is null, result.Trouble, result.TroubleCode, result.RetryAt, result.Note, result.Target, result.Targets, result.ConfigDriveSha256, result.PhoneSha256, result.StaleConfigDrives, erased = result.LeftOut is { Length: > 0 } leftOut ? ErasedDisks.With(job.Erased, leftOut) : null, now = tx.Now }) == 1;

    private static void EndStep(WriteTransaction tx, JobRow job, string? cause)
    {
        var ended = tx.Sql.Execute(
            "UPDATE job_steps SET ended = @now, cause = @cause WHERE job = @Id AND ended IS NULL",
            new { job.Id, cause, now = tx.Now });
        if (ended > 0)
            tx.Append(EventKinds.StepEnded, job.Node, job.Id, job.Step, cause);
    }
}

file sealed record StepRow
{
    public required string Name { get; init; }

    public int Attempt { get; init; }

    public DateTimeOffset Started { get; init; }

    public DateTimeOffset? Ended { get; init; }

    public string? Cause { get; init; }
}

file sealed record ReportRow
{
    public required string Step { get; init; }

    public StepOutcome Outcome { get; init; }

    public string? Cause { get; init; }

    public string? Code { get; init; }

    public DateTimeOffset At { get; init; }
}
