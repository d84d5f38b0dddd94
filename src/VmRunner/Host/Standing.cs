using Baremetal.Api;

namespace Baremetal.VmRunner.Host;

/// <summary>What the runner has and lacks, looked at again from time to time: soon while something is missing.</summary>
internal sealed class Standing(HostSettings settings, Engine engine, BaseImage baseImage, Reconciler reconciler, HostLog log, TimeProvider time)
{
    private static readonly TimeSpan _whileMissing = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan _whileWell = TimeSpan.FromMinutes(10);

    private readonly Preflight _preflight = new(settings, engine, baseImage);

    // One reference: whoever reads sees both halves of one look.
    private volatile Tuple<RunnerCapacity, PreflightCheck[]>? _now;

    /// <summary>After <see cref="LookAsync"/>.</summary>
    public (RunnerCapacity Capacity, PreflightCheck[] Preflight) Now => (_now!.Item1, _now.Item2);

    public async Task LookAsync(CancellationToken cancel)
    {
        var checks = await _preflight.RunAsync(cancel);
        foreach (var check in checks)
        {
            if (check.Passed)
                log.Forget($"preflight {check.Name}");
            else
                log.SayOnce($"preflight {check.Name}", $"{check.Name}: {check.Finding} {check.Remedy}");
        }
        _now = Tuple.Create(await Capacity.ReadAsync(settings, engine, reconciler.Networks, cancel), checks);
    }

    public async Task RunAsync(CancellationToken cancel)
    {
        while (true)
        {
            var wasWell = Array.TrueForAll(Now.Preflight, check => check.Passed);
            await Task.Delay(wasWell ? _whileWell : _whileMissing, time, cancel);
            await LookAsync(cancel);
            if (!wasWell)
                reconciler.WakeAll();
        }
    }
}
