using System.Security.Claims;
using System.Text.Json;
using Baremetal.Api;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Events;
using Baremetal.Conductor.Jobs;
using Dapper;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Baremetal.Conductor.Runners;

/// <summary>What runners say: it is held against the tables, and only what differs is written.</summary>
internal sealed class RunnerReports(IDatabase database, EventAllowance allowance, TimeProvider time)
{
    // An event is a line for people; the VM itself keeps the whole cause.
    private const int LongestCauseInEvent = 300;

    private const string GoneByItself = "Its runner says that it is gone, disk and all, though nobody here deleted it. Delete it here too, and create it anew.";

    public NoContent Hear(RunnerReport said, ClaimsPrincipal user, HttpContext http)
    {
        var report = ReportBounds.Require(said);
        var (runner, address) = (RunnerCaller.Of(user).Id, JoinEndpoints.AddressOf(http));
        // Most reports are a sign of life; a writer would keep others waiting for nothing.
        if (database.Read(sql => ReportDifference.Of(sql, runner, report, address, time.GetUtcNow())) is null)
            return TypedResults.NoContent();
        database.Write(tx =>
        {
            if (ReportDifference.Of(tx.Sql, runner, report, address, tx.Now) is not { } difference)
                return;
            WriteRunner(tx, difference.Runner, report, address);
            foreach (var (was, now) in difference.Vms)
                WriteVm(tx, difference.Runner, was, now);
        });
        return TypedResults.NoContent();
    }

    private void WriteRunner(WriteTransaction tx, RunnerRow was, RunnerReport report, string? address)
    {
        var failed = report.Preflight.FirstOrDefault(check => !check.Passed);
        var (state, cause) = failed is null ? (RunnerState.Ready, (string?)null) : (RunnerState.NotReady, $"{failed.Name}: {failed.Finding}");
        var isOther = was.State != state || (was.Capacity is null && state == RunnerState.NotReady);
        tx.Sql.Execute(
            """
            UPDATE runners SET version = @Version, address = @address, last_seen = @now, reported_revision = @revision, capacity = @Capacity, preflight = @Preflight,
                state = @state, since = @since, cause = @cause
            WHERE id = @Id
            """,
            new
            {
                was.Id,
                report.Version,
                address,
                now = tx.Now,
                revision = ReportDifference.RevisionOf(was, report),
                report.Capacity,
                report.Preflight,
                state = state.ToString(),
                since = isOther ? tx.Now : was.Since,
                cause,
            });
        if (isOther && was.Node is { } node)
            JobTable.Wake(tx, node);
        if (isOther && allowance.Take(was.Id))
            tx.Append(EventKinds.RunnerState, was.Node, text: $"runner {was.Name}: {Word(state)}{Because(cause)}");
    }

    private void WriteVm(WriteTransaction tx, RunnerRow runner, VmRow was, VmReport said)
    {
        if (said.IsGone && was.Target == VmTarget.Deleted)
        {
            VmTable.Remove(tx, runner, was, "deleted");
            return;
        }
        var now = said.IsGone ? said with { State = VmState.Failed, Cause = GoneByItself } : said;
        var isOther = was.State != now.State || was.ReportedRun != now.Run;
        tx.Sql.Execute(
            """
            UPDATE vms SET state = @state, since = @since, reported_run = @Run, cause = @Cause, exit_code = @ExitCode, image_digest = @ImageDigest,
                address = @Address, mac = @Mac, accelerator = @Accelerator
            WHERE id = @Id
            """,
            new
            {
                was.Id,
                state = now.State.ToString(),
                now.Run,
                now.Cause,
                now.ExitCode,
                now.ImageDigest,
                now.Address,
                now.Mac,
                now.Accelerator,
                since = !isOther && was.Since is { } earlier ? earlier : now.Since < was.Created || now.Since > tx.Now ? tx.Now : now.Since,
            });
        if (was.State != now.State && allowance.Take(runner.Id))
            tx.Append(EventKinds.VmState, runner.Node, text: $"VM {runner.Name}/{was.Name}: {Word(now.State)}{Because(now.Cause)}");
    }

    private static string Because(string? cause) => cause switch
    {
        null => "",
        { Length: > LongestCauseInEvent } => $": {cause[..LongestCauseInEvent]}…",
        _ => $": {cause}",
    };

    private static string Word<T>(T state)
        where T : struct, Enum => JsonNamingPolicy.KebabCaseLower.ConvertName(state.ToString());
}
