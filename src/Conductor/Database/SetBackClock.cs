using Dapper;

namespace Baremetal.Conductor.Database;

/// <summary>
/// A clock that was set back while no conductor ran. What the process before planned then lies hours ahead, and what it saw has not been
/// yet: jobs would stand still, and agents long gone would pass for alive. All that is still reckoned with is moved back by as much; what
/// is only told, such as events, stays as it was.
/// </summary>
internal static class SetBackClock
{
    private static readonly (string Table, string Rows, string[] Times)[] _reckonedWith =
    [
        ("step_reports", "job IN (SELECT id FROM jobs WHERE finished IS NULL)", ["at"]),
        ("jobs", "finished IS NULL", ["created", "silent_until", "step_started", "retry_at", "phoned_at", "progressed", "due", "lease_until"]),
        ("job_steps", "ended IS NULL", ["started"]),
        ("agents", "1", ["enrolled_at", "last_seen", "inventory_at", "left_at"]),
        ("boot_tokens", "1", ["issued", "expires"]),
        ("nodes", "1", ["system_seen"]),
        ("runners", "1", ["last_seen"]),
        ("runner_tokens", "1", ["expires"]),
    ];

    /// <summary>By how much the clock is behind what was written last; zero if it is not.</summary>
    public static TimeSpan Mend(WriteTransaction tx)
    {
        var last = tx.Sql.QuerySingle<DateTimeOffset>(
            "SELECT coalesce(max(at), 0) FROM (SELECT at FROM (SELECT at FROM events ORDER BY seq DESC LIMIT 1) UNION ALL SELECT max(last_seen) FROM agents UNION ALL SELECT max(last_seen) FROM runners)");
        if (last <= tx.Now)
            return TimeSpan.Zero;
        var by = last - tx.Now;
        foreach (var (table, rows, times) in _reckonedWith)
            tx.Sql.Execute($"UPDATE {table} SET {string.Join(", ", times.Select(time => $"{time} = {time} - @ms"))} WHERE {rows}", new { ms = (long)by.TotalMilliseconds });
        return by;
    }
}
