using System.Data;
using Baremetal.Api;
using Baremetal.Conductor.Database;
using Baremetal.Trust;
using Dapper;

namespace Baremetal.Conductor.Jobs;

/// <summary>What agents told of a job that went wrong: for each boot the newest, since an agent's log has all of its boot.</summary>
internal static class JobLogs
{
    /// <summary>A job may boot its node many times; what happened last says why it ended.</summary>
    private const int MostBoots = 5;

    public static void Keep(WriteTransaction tx, string job, string bootId, string text)
    {
        tx.Sql.Execute(
            "INSERT INTO job_logs (job, boot_id, at, text) VALUES (@job, @bootId, @now, @shown) ON CONFLICT (job, boot_id) DO UPDATE SET at = @now, text = @shown",
            new { job, bootId, now = tx.Now, shown = Shown(text) });
        tx.Sql.Execute(
            "DELETE FROM job_logs WHERE job = @job AND boot_id NOT IN (SELECT boot_id FROM job_logs WHERE job = @job ORDER BY at DESC, boot_id DESC LIMIT @MostBoots)",
            new { job, MostBoots });
    }

    /// <summary>Oldest first.</summary>
    public static BootLog[] Of(IDbConnection sql, string job) =>
        [.. sql.Query<Row>("SELECT boot_id, at, text FROM job_logs WHERE job = @job ORDER BY at, boot_id", new { job }).Select(row => new BootLog(row.BootId, row.At, row.Text))];

    // It goes to operators' terminals, and whoever sent it need not have been our agent.
    private static string Shown(string text) => string.Join('\n', text.Split('\n').Select(Printable.Of));

    private sealed record Row
    {
        public required string BootId { get; init; }

        public DateTimeOffset At { get; init; }

        public required string Text { get; init; }
    }
}
