using System.Data;
using Baremetal.Api;
using Baremetal.Conductor.Database;
using Dapper;

namespace Baremetal.Conductor.Events;

/// <summary>The stored events: written in the transaction that makes them true, read by whoever follows.</summary>
internal static class EventLog
{
    public static void Append(this WriteTransaction tx, string kind, string? node, string? job = null, string? step = null, string? text = null)
    {
        var seq = tx.Sql.QuerySingle<long>("UPDATE sequences SET value = value + 1 WHERE name = 'events' RETURNING value");
        tx.Sql.Execute(
            "INSERT INTO events (seq, kind, at, node, job, step, text) VALUES (@seq, @kind, @at, @node, @job, @step, @text)",
            new { seq, kind, at = tx.Now, node, job, step, text });
    }

    public static List<Event> After(IDbConnection sql, long seq, string? job, int limit) =>
        [.. sql.Query<EventRow>(
            $"SELECT seq, kind, at, node, job, step, text FROM events WHERE seq > @seq {(job is null ? "" : "AND job = @job")} ORDER BY seq LIMIT @limit",
            new { seq, job, limit }).Select(row => new Event(row.Seq, row.Kind, row.At, row.Node, row.Job, row.Step, row.Text))];

    /// <summary>Whether the job's end is still to be told to one who has seen all up to here.</summary>
    public static bool EndsAfter(IDbConnection sql, string job, long seq) =>
        sql.QuerySingle<long>("SELECT count(*) FROM events WHERE job = @job AND kind = @kind AND seq > @seq", new { job, kind = EventKinds.JobFinished, seq }) > 0;

    public static long Last(IDbConnection sql) => sql.QuerySingle<long>("SELECT value FROM sequences WHERE name = 'events'");
}

file sealed record EventRow
{
    public long Seq { get; init; }

    public required string Kind { get; init; }

    public DateTimeOffset At { get; init; }

    public string? Node { get; init; }

    public string? Job { get; init; }

    public string? Step { get; init; }

    public string? Text { get; init; }
}
