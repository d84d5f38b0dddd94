using System.Collections.Concurrent;
using Baremetal.Api;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Jobs;
using Baremetal.Conductor.Settings;
using Dapper;

namespace Baremetal.Conductor.Agents;

/// <summary>
/// Notices whether a step comes on. Progress itself is not stored, but when there last was some: seldom, since agents beat every other second, and a twentieth of
/// the limit is near enough. After a restart the first word counts as progress, which gives a step that stands still one more limit, once.
/// </summary>
internal sealed class ProgressWatch(IDatabase database, ConductorSettings settings)
{
    private readonly ConcurrentDictionary<string, Seen> _ofNodes = new(StringComparer.Ordinal);

    public void Tell(JobRow job, string? step, Progress progress, DateTimeOffset now)
    {
        var seen = new Seen(job.Id, step, job.Attempt, FingerprintOf(progress));
        var before = _ofNodes.GetValueOrDefault(job.Node);
        _ofNodes[job.Node] = seen;
        if (seen == before || now - (job.Progressed ?? job.StepStarted) < settings.Limits.Stalled / 20)
            return;
        database.Write(tx => tx.Sql.Execute(
            "UPDATE jobs SET progressed = @now WHERE id = @Id AND finished IS NULL AND step = @Step AND attempt = @Attempt", new { job.Id, job.Step, job.Attempt, now = tx.Now }));
    }

    // Rates change while nothing moves; what is done, and what came over the network, does not.
    private static string FingerprintOf(Progress progress) =>
        string.Join(';', [$"{progress.Phase} {progress.DoneBytes} {progress.WireBytes}", .. (progress.Disks ?? []).Select(disk => $"{disk.Name} {disk.Phase} {disk.DoneBytes}")]);

    private sealed record Seen(string Job, string? Step, int Attempt, string Fingerprint);
}
