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
        var silentUntil = SilentUntil(job, progress, now);
        var isNews = seen != before && now - (job.Progressed ?? job.StepStarted) >= Grain;
        if (!isNews && !IsOther(job.SilentUntil, silentUntil))
            return;
        database.Write(tx => tx.Sql.Execute(
            "UPDATE jobs SET progressed = @progressed, silent_until = @silentUntil WHERE id = @Id AND finished IS NULL AND step = @Step AND attempt = @Attempt",
            new { job.Id, job.Step, job.Attempt, progressed = isNews ? tx.Now : job.Progressed, silentUntil }));
    }

    private TimeSpan Grain => settings.Limits.Stalled / 20;

    // However long the disk wishes for.
    private DateTimeOffset? SilentUntil(JobRow job, Progress progress, DateTimeOffset now)
    {
        if (progress.SilentSeconds is not (> 0 and var seconds))
            return null;
        var most = job.StepStarted + settings.Limits.SelfErase;
        var wished = now + TimeSpan.FromSeconds(Math.Min(seconds, settings.Limits.SelfErase.TotalSeconds));
        return wished < most ? wished : most;
    }

    private bool IsOther(DateTimeOffset? known, DateTimeOffset? told) => known is null != told is null || (told - known)?.Duration() > Grain;

    // Rates change while nothing moves; what is done, and what came over the network, does not.
    private static string FingerprintOf(Progress progress) =>
        string.Join(';', [$"{progress.Phase} {progress.DoneBytes} {progress.WireBytes}", .. (progress.Disks ?? []).Select(disk => $"{disk.Name} {disk.Phase} {disk.DoneBytes}")]);

    private sealed record Seen(string Job, string? Step, int Attempt, string Fingerprint);
}
