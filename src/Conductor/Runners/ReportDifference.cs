using System.Data;
using Baremetal.Api;

namespace Baremetal.Conductor.Runners;

/// <summary>What a report says that is not in the tables already.</summary>
/// <param name="Runner">As it was.</param>
/// <param name="IsNew">Whether it says something new of the runner itself.</param>
/// <param name="Vms">Those that it says something new of, as they were, and what is said.</param>
internal sealed record ReportDifference(RunnerRow Runner, bool IsNew, List<(VmRow Was, VmReport Is)> Vms)
{
    /// <summary>Not every sign of life is written: a quarter of what a runner may be silent for is near enough, and the disk's room comes with it.</summary>
    private static readonly TimeSpan BetweenSigns = RunnerPresence.Silence / 4;

    /// <summary>Null where there is nothing to write. What is said of VMs that are not this runner's is passed over.</summary>
    public static ReportDifference? Of(IDbConnection sql, string runner, RunnerReport report, string? address, DateTimeOffset now)
    {
        if (RunnerTable.ById(sql, runner) is not { } row)
            return null;
        var reported = report.Vms.ToDictionary(vm => vm.Id);
        var vms = VmTable.OfRunner(sql, runner).Where(vm => reported.TryGetValue(vm.Id, out var said) && Differs(vm, said)).Select(vm => (vm, reported[vm.Id])).ToList();
        var isNew = row.Version != report.Version || row.Address != address || row.ReportedRevision != RevisionOf(row, report)
            || row.LastSeen <= now - BetweenSigns || !IsSame(row.Capacity, report.Capacity) || !IsSame(row.Preflight, report.Preflight);
        return isNew || vms.Count > 0 ? new ReportDifference(row, isNew, vms) : null;
    }

    /// <summary>A runner cannot know orders that were not given yet.</summary>
    public static long RevisionOf(RunnerRow row, RunnerReport report) => Math.Clamp(report.Revision, 0, row.Revision);

    // Its runner's clock does not count: the state and the run say whether it is another.
    private static bool Differs(VmRow was, VmReport said) =>
        said.IsGone
        || (was.State, was.ReportedRun, was.Cause, was.ExitCode, was.ImageDigest, was.Address, was.Mac, was.Accelerator)
            != (said.State, said.Run, said.Cause, said.ExitCode, said.ImageDigest, said.Address, said.Mac, said.Accelerator);

    private static bool IsSame(RunnerCapacity? was, RunnerCapacity said) =>
        was is not null && was with { DiskFreeBytes = 0, Networks = said.Networks } == said with { DiskFreeBytes = 0 } && was.Networks.AsSpan().SequenceEqual(said.Networks);

    private static bool IsSame(PreflightCheck[]? was, PreflightCheck[] said) => was is not null && was.AsSpan().SequenceEqual(said);
}
