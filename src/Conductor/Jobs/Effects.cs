using Baremetal.Api;
using Baremetal.Conductor.Boot;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Nodes;
using Baremetal.Conductor.Power;
using Baremetal.Conductor.Runners;
using Baremetal.Conductor.Secrets;
using Baremetal.Metadata;
using Baremetal.Trust;

namespace Baremetal.Conductor.Jobs;

/// <summary>What came of an effect. With <paramref name="Trouble"/> it was not had; without <paramref name="RetryAt"/> it never will be.</summary>
/// <param name="TroubleCode">One of <see cref="FailureCodes"/>, with a trouble.</param>
/// <param name="MachineOffAt">Agents and tokens of before then are of a boot that is over.</param>
public sealed record EffectResult(string? TroubleCode = null, string? Trouble = null, DateTimeOffset? RetryAt = null, string? Note = null, DateTimeOffset? MachineOffAt = null, Disk? Target = null, Digest? ConfigDriveSha256 = null, Disk[]? Targets = null, Digest? PhoneSha256 = null, StaleConfigDrive[]? StaleConfigDrives = null, ErasedDisk[]? LeftOut = null);

/// <summary>Has the effects that the table of steps asks for.</summary>
public sealed partial class Effects(IDatabase database, PowerDrivers power, DeployChecks checks, ConfigDrives configDrives, NodeAddresses addresses, RunnerRole runners, SecretBox secrets, TimeProvider time, ILogger<Effects> logger)
{
    /// <summary>The first pause after a failure; it doubles with each try, to a minute.</summary>
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);

    /// <summary>Throws only when it is cancelled: a job whose effect ends in anything else must come to hear of it, and to its limit.</summary>
    public async Task<EffectResult> HaveAsync(JobRow job, Effect effect, CancellationToken cancel)
    {
        try
        {
            return await (effect switch
            {
                Effect.BootFromNetwork => BootFromNetworkAsync(job, cancel),
                Effect.Prepare => PrepareAsync(job, cancel),
                Effect.PrepareCleaning => Task.FromResult(PrepareCleaning(job)),
                _ => throw new ArgumentOutOfRangeException(nameof(effect), effect, null),
            });
        }
        catch (Exception e) when (!cancel.IsCancellationRequested)
        {
            // A full disk passes and a bug does not; who reads it can tell, we cannot.
            LogUnexpected(e, job.Id, effect);
            return new EffectResult(FailureCodes.ConductorFailed, $"The conductor itself failed at '{job.Step}': {e.Message.TrimEnd('.')} ({e.GetType().Name}). Its log says more.", RetryAt(job));
        }
    }

    /// <summary>Removes what no unfinished job needs any more.</summary>
    public void Sweep() => configDrives.Sweep();

    private async Task<EffectResult> BootFromNetworkAsync(JobRow job, CancellationToken cancel)
    {
        var node = database.Read(sql => NodeTable.ById(sql, job.Node));
        try
        {
            var boot = await power.For(node).BootFromNetworkAsync(new NetworkStart(node.Firmware, node.BootPolicy), cancel);
            return new EffectResult(Note: boot.ByHand, MachineOffAt: boot.OffAt);
        }
        catch (PowerException e)
        {
            return new EffectResult(e.Again ? FailureCodes.PowerFailed : FailureCodes.PowerRefused, $"{e.Cause} {e.Remedy}", e.Again ? RetryAt(job) : null);
        }
    }

    private DateTimeOffset RetryAt(JobRow job)
    {
        var pause = FirstPause * Math.Pow(2, Math.Min(job.Tries, 10));
        return time.GetUtcNow() + (pause < LongestPause ? pause : LongestPause);
    }

    private async Task<EffectResult> PrepareAsync(JobRow job, CancellationToken cancel)
    {
        var node = database.Read(sql => NodeTable.ById(sql, job.Node));
        var userData = job.UserData is { } box ? secrets.Open(box, JobRow.UserDataPlace(job.Id)) : null;
        var isWanted = ConfigDrives.IsWanted(job.Spec!, userData is not null);
        if (!checks.TryPlan(job.ManifestSha256!.Value, job.Spec!, isWanted, node, out var plan, out var rejection))
            return new EffectResult(FailureCodes.PlanRefused, rejection.ToString());
        if (plan.Target is not { } target)
            return new EffectResult(FailureCodes.InventoryMissing, $"Node {node.Name} has told no inventory, so no disk can be chosen.");
        var prepared = new EffectResult(Target: target, StaleConfigDrives: plan.StaleConfigDrives);
        if (!isWanted)
            return prepared;
        // Built once: a second attempt must find on the disk what the first one wrote.
        if (job.ConfigDriveSha256 is { } built && job.Target?.LogicalSectorBytes == target.LogicalSectorBytes && configDrives.Has(job.Id, built))
            return prepared with { ConfigDriveSha256 = built };
        try
        {
            var token = PhoneHome.NewToken();
            string[] vendorData = [PhoneHome.CloudConfig(PhoneHome.UrlOf(addresses, token)), .. job.MakesRunner ? [runners.FirstBootScript(node, token)] : Array.Empty<string>()];
            var drive = await configDrives.BuildAsync(job.Id, node, job.Spec!, userData, vendorData, target.LogicalSectorBytes, cancel);
            return prepared with { ConfigDriveSha256 = drive, PhoneSha256 = PhoneHome.HashOf(token) };
        }
        catch (ConfigDriveException e)
        {
            return new EffectResult(FailureCodes.ConfigDriveFailed, e.Message);
        }
    }

    private EffectResult PrepareCleaning(JobRow job)
    {
        var node = database.Read(sql => NodeTable.ById(sql, job.Node));
        if (node.Inventory is not { } inventory)
            return new EffectResult(FailureCodes.InventoryMissing, $"Node {node.Name} has told no inventory, so no disk can be chosen.");
        return checks.TryPlanCleaning(job.Clean!, inventory, out var disks, out var rejection)
            ? new EffectResult(Targets: disks, LeftOut: job.Clean!.Disk is { Any: true } ? null : ErasedDisks.LeftOut(inventory.Disks))
            : new EffectResult(FailureCodes.PlanRefused, rejection.ToString());
    }

    [LoggerMessage(2101, LogLevel.Error, "Job {Job}: {Effect} failed in a way that nobody foresaw; it is tried again")]
    private partial void LogUnexpected(Exception error, string job, Effect effect);
}
