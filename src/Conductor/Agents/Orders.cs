using System.Diagnostics.CodeAnalysis;
using Baremetal.Api;
using Baremetal.Conductor.Certificates;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Jobs;
using Baremetal.Conductor.Secrets;
using Baremetal.Conductor.Settings;
using Baremetal.Trust;
using Dapper;

namespace Baremetal.Conductor.Agents;

/// <summary>
/// Signs what an agent may do: for one node, one boot and one start of the agent, and only the steps that no agent has reported done.
/// </summary>
internal sealed partial class Orders(IDatabase database, DeployChecks checks, OrderKey key, SecretBox secrets, ConductorSettings settings, ILogger<Orders> logger)
{
    /// <summary>From the agent's nonce to its first write: fetching two indexes, and checking all that can be checked.</summary>
    private static readonly TimeSpan Life = TimeSpan.FromMinutes(10);

    /// <summary>The order's envelope, or null when there is nothing to do.</summary>
    public byte[]? Issue(AgentCaller caller, string nonce) => database.Write(tx =>
    {
        var job = JobTable.Unfinished(tx.Sql, caller.Node);
        if (job is not { AbortRequested: false } || !Steps.HasOrder(job))
            return null;
        var reports = JobTable.FactsOf(tx.Sql, job, tx.Now).Reports;
        var left = Steps.OrderedFor(job).Where(step => reports.GetValueOrDefault(step)?.Outcome != StepOutcome.Done).ToArray();
        if (left.Length == 0 || reports.Values.Any(report => report.Outcome == StepOutcome.Failed))
            return null;
        // The trust documents may have changed since the job was prepared: what is revoked in between is not ordered.
        if (!TryTrust(job, out var manifest, out var anchor, out var rejection))
        {
            tx.Sql.Execute("UPDATE jobs SET trouble = @trouble, trouble_code = @code, due = @now WHERE id = @Id", new { job.Id, trouble = rejection.ToString(), code = FailureCodes.TrustWithdrawn, now = tx.Now });
            return null;
        }

        var attempt = job.OrderAttempt;
        if (nonce != job.AgentNonce)
        {
            // The worker ends a job whose agent starts again and again; where it waits for the system by then, there is nothing more to order.
            if (attempt > settings.Limits.Orders)
                return null;
            attempt++;
            tx.Sql.Execute("UPDATE jobs SET agent_nonce = @nonce, order_attempt = @attempt, due = @now WHERE id = @Id", new { job.Id, nonce, attempt, now = tx.Now });
        }
        LogOrder(job.Id, attempt, left);
        var order = new DeployOrder(
            OrderId: job.Id,
            attempt,
            caller.Node,
            caller.BootId,
            nonce,
            anchor.Document.Version,
            [.. left.Select(step => new OrderStep(step, step == OrderSteps.Reboot && job.Spec is { Kexec: true } ? RebootArguments.ByKexec : null))],
            IssuedAt: tx.Now,
            NotAfter: tx.Now + Life);
        return key.Sign(job.Kind switch
        {
            JobKind.Clean => ToErase(order, job),
            JobKind.Rescue => order with { Rescue = new RescueOrder(job.Rescue!.Seconds, job.Rescue.SshKeys) },
            _ => ToWrite(order, job, manifest!),
        });
    });

    // The manifest is that of a job that has one.
    private bool TryTrust(JobRow job, out ImageManifest? manifest, [NotNullWhen(true)] out TrustAnchor? anchor, [NotNullWhen(false)] out Rejection? rejection)
    {
        manifest = null;
        return job.ManifestSha256 is { } digest ? checks.TryTrust(digest, out manifest, out anchor, out rejection) : checks.TryTrust(out anchor, out rejection);
    }

    private static DeployOrder ToErase(DeployOrder order, JobRow job) => order with
    {
        Erase = new EraseOrder(
            WordOf(job.Clean!.Depth),
            Array.ConvertAll(job.Targets!, DiskOf),
            ErasedDisks.Done(job.Targets!, job.Erased) is { Length: > 0 } done ? Array.ConvertAll(done, DiskOf) : null,
            job.Clean.Fallback is { Length: > 0 } fallback ? Array.ConvertAll(fallback, WordOf) : null),
    };

    private static string WordOf(CleanDepth depth) => depth.ToString().ToLowerInvariant();

    private DeployOrder ToWrite(DeployOrder order, JobRow job, ImageManifest manifest) => order with
    {
        ManifestSha256 = job.ManifestSha256,
        Target = DiskOf(job.Target!),
        RemoveConfigDrives = order.Steps.Any(step => step.Name == OrderSteps.RemoveConfigDrives) ? [.. job.StaleConfigDrives!.Where(drive => drive.Removed).Select(drive => DiskOf(drive.Disk))] : null,
        Reuse = job.Redeploy || order.Attempt > 1,
        UserDataSha256 = job.UserData is { } box ? Digest.Of(System.Text.Encoding.UTF8.GetBytes(secrets.Open(box, JobRow.UserDataPlace(job.Id)))) : null,
        ConfigDriveSha256 = job.ConfigDriveSha256,
        Layout = manifest.Predicate.Partition is { } partition ? new LayoutOrder(partition.RootPartition, job.Spec?.SwapBytes ?? 0) : null,
        Requires = manifest.Predicate.Partition is null ? null : [OrderNeeds.Layout],
    };

    private static TargetDisk DiskOf(Disk disk) => new(disk.SizeBytes, disk.LogicalSectorBytes, disk.Wwn, disk.Serial, disk.ByPath);

    [LoggerMessage(3101, LogLevel.Information, "Job {Job}: order {Attempt} for {Steps}")]
    private partial void LogOrder(string job, int attempt, string[] steps);
}
