using Baremetal.Api;

namespace Baremetal.Conductor.Runners;

/// <summary>What a runner may say of itself and its VMs: it is kept, and shown to people.</summary>
internal static class ReportBounds
{
    /// <summary>Of a report: the most VMs that a runner can have, each with the longest cause, as JSON at its worst.</summary>
    public const long Bytes = 6L << 20;

    // Those that we do not know any more may be among them.
    private const int MostVms = 1000;
    private const int MostChecks = 64;
    private const int MostNetworks = 256;
    private const int LongestName = 128;
    private const int LongestSentence = 1024;

    /// <summary>Refuses what is too much; sentences that are too long are cut, since those are for people.</summary>
    public static RunnerReport Require(RunnerReport report)
    {
        if (report.Vms.Length > MostVms || report.Preflight.Length > MostChecks || report.Capacity.Networks.Length > MostNetworks)
            throw Problems.Invalid($"The report has {report.Vms.Length} VMs, {report.Preflight.Length} checks and {report.Capacity.Networks.Length} networks; it may have {MostVms}, {MostChecks} and {MostNetworks}.");
        // The serializer looks at a list's place, not at what is in it.
        if (report.Vms.Contains(null!) || report.Preflight.Contains(null!) || report.Capacity.Networks.Contains(null!))
            throw Problems.Invalid("The report lists a VM, a check or a network that is null.");
        var names = report.Vms.SelectMany(vm => new[] { vm.Id, vm.ImageDigest, vm.Address, vm.Mac, vm.Accelerator })
            .Concat(report.Preflight.Select(check => check.Name)).Concat(report.Capacity.Networks).Append(report.Version).Append(report.Capacity.Accelerator).Append(report.Capacity.Engine);
        if (names.FirstOrDefault(name => name?.Length > LongestName) is { } tooLong)
            throw Problems.Invalid($"The report has a name or version of {tooLong.Length} characters; it may have {LongestName}.");
        if (report.Capacity is { Processors: < 0 } or { MemoryMb: < 0 } or { DiskBytes: < 0 } or { DiskFreeBytes: < 0 } || Array.Exists(report.Vms, vm => vm.Run < 0))
            throw Problems.Invalid("The report has less than nothing of something.");
        return report with
        {
            Preflight = [.. report.Preflight.Select(check => check with { Finding = Cut(check.Finding, LongestSentence)!, Remedy = Cut(check.Remedy, LongestSentence) })],
            Vms = [.. report.Vms.DistinctBy(vm => vm.Id).Select(vm => vm with { Cause = Cut(vm.Cause, VmReport.LongestCause) })],
        };
    }

    private static string? Cut(string? text, int longest) => text?.Length > longest ? text[..longest] + "…" : text;
}
