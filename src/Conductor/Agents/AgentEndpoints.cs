using System.Security.Claims;
using System.Text.Json;
using Baremetal.Api;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Discovery;
using Baremetal.Conductor.Events;
using Baremetal.Conductor.Images;
using Baremetal.Conductor.Inventories;
using Baremetal.Conductor.Jobs;
using Baremetal.Conductor.Nodes;
using Baremetal.Conductor.Settings;
using Baremetal.Trust;
using Dapper;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Baremetal.Conductor.Agents;

/// <summary>What an enrolled agent tells and asks. It records facts and wakes the worker; nothing is decided here.</summary>
internal static class AgentEndpoints
{
    // Of a server with a hundred disks: 60 KiB.
    private const int MostInventoryBytes = 1 << 20;

    public static TrustChain Trust(TrustChainStore trust, long from = 0) => new([.. trust.After(from).Select(Convert.ToBase64String)]);

    public static NoContent Inventory(Inventory inventory, ClaimsPrincipal user, IDatabase database, InventoryHistory history, PendingNodes pending, HttpContext http)
    {
        // The serializer looks at a list's place, not at what is in it.
        if (inventory.Disks.Contains(null!) || inventory.NetworkInterfaces.Any(card => card is null || card.Addresses.Contains(null!)))
            throw Problems.Invalid("The inventory lists a disk, a network interface or an address that is null.");
        // As it will be stored, which may be six times as it came.
        if (JsonSerializer.SerializeToUtf8Bytes(inventory, ApiJson.Default.Inventory).Length is > MostInventoryBytes and var bytes)
            throw Problems.Invalid($"The inventory has {bytes} bytes; it may have {MostInventoryBytes}.");
        var caller = AgentCaller.Of(user);
        database.Write(tx =>
        {
            if (AgentTable.TrySetInventory(tx, caller, inventory, http.Connection.RemoteIpAddress?.MapToIPv4().ToString()))
                history.Keep(tx, caller.Node, inventory);
            pending.Judge(tx, caller.Node);
            JobTable.Wake(tx, caller.Node);
        });
        return TypedResults.NoContent();
    }

    public static HeartbeatAnswer Heartbeat(AgentHeartbeat beat, ClaimsPrincipal user, IDatabase database, EventFeed events, ProgressWatch watch, TimeProvider time)
    {
        // It goes on to whoever follows, to be drawn on terminals.
        if (beat.Progress?.Map is { } map && (map.Length > Progress.LongestMap || !map.All(letter => char.IsAsciiLetter(letter) || letter == '.')))
            throw Problems.Invalid($"The progress has a map of {map.Length} characters; it may have {Progress.LongestMap} letters and dots.");
        if (beat.Progress?.Disks is { } disks && (disks.Length > Progress.MostDisks || disks.Contains(null!)))
            throw Problems.Invalid($"The progress has {disks.Length} disks, or one that is null; it may have {Progress.MostDisks}.");
        var caller = AgentCaller.Of(user);
        var job = database.Read(sql => JobTable.Unfinished(sql, caller.Node));
        var works = beat.OrderId is not null && beat.OrderId == job?.Id && !job.AbortRequested && !(job.EndRequested && job.Step == OrderSteps.Rescue);
        if (works && beat.Progress is { } progress)
        {
            watch.Tell(job!, beat.Step, progress, time.GetUtcNow());
            events.Publish(new Event(0, EventKinds.Progress, time.GetUtcNow(), caller.Node, job!.Id, beat.Step, Progress: progress));
        }
        return new HeartbeatAnswer(
            time.GetUtcNow(),
            OrderWaiting: beat.OrderId is null && job is { AbortRequested: false } && Steps.HasOrder(job),
            Abort: beat.OrderId is not null && !works);
    }

    public static Results<FileContentHttpResult, NoContent> Order(AskOrder ask, ClaimsPrincipal user, Orders orders)
    {
        if (ask.AgentNonce is not { Length: 64 } || !ask.AgentNonce.All(char.IsAsciiHexDigitLower))
            throw Problems.Invalid("The agent's nonce is not 32 bytes in lower-case hex.");
        return orders.Issue(AgentCaller.Of(user), ask.AgentNonce) is { } envelope ? TypedResults.File(envelope, "application/json") : TypedResults.NoContent();
    }

    public static NoContent Step(string order, StepReport report, ClaimsPrincipal user, IDatabase database)
    {
        if (report.Erased?.Contains(null!) == true)
            throw Problems.Invalid("The report has a disk that is null.");
        // It is read again at every look at the job.
        if (report.Cause?.Length > StepReport.LongestCause)
            report = report with { Cause = report.Cause[..StepReport.LongestCause] + "…" };
        var caller = AgentCaller.Of(user);
        database.Write(tx =>
        {
            var job = JobTable.Get(tx.Sql, order);
            if (!Steps.Ordered(job.Kind).Contains(report.Step))
                throw Problems.Invalid($"Order {order} has no step '{report.Step}'.", $"Its steps are {string.Join(", ", Steps.Ordered(job.Kind))}.");
            // The fence towards agents: only the start that holds the newest order may say how it goes.
            if (job.Node != caller.Node || report.BootId != caller.BootId || report.AgentNonce != job.AgentNonce)
                throw Problems.Conflict("stale-order", $"Order {order} is not this agent's any more.", "Stop, and ask for a new order.");
            if (job.Finished is not null)
                throw Problems.Conflict("job-ended", $"Job {order} has ended ({job.Outcome?.ToString().ToLowerInvariant()}).", "Stop, and wait for the next order.");
            AgentTable.Report(tx, order, report);
            if (job.Kind == JobKind.Rescue && job.HostKey is null && report.HostKey is { } line && SshPublicKey.TryReadHostKey(line) is { } hostKey)
                NoteHostKey(tx, job, hostKey);
            JobTable.Wake(tx, caller.Node);
        });
        return TypedResults.NoContent();
    }

    public static NoContent Log(AgentLogText log, ClaimsPrincipal user, IDatabase database)
    {
        if (log.Text.Length > AgentLogText.Longest)
            throw Problems.Invalid($"The log has {log.Text.Length} characters; it may have {AgentLogText.Longest}.", "Send its end.");
        var caller = AgentCaller.Of(user);
        database.Write(tx =>
        {
            // Between two jobs nothing fails that would be somebody's.
            if (JobTable.Unfinished(tx.Sql, caller.Node) is { } job)
                JobLogs.Keep(tx, job.Id, caller.BootId, log.Text);
        });
        return TypedResults.NoContent();
    }

    private static void NoteHostKey(WriteTransaction tx, JobRow job, SshHostKey key)
    {
        tx.Sql.Execute("UPDATE jobs SET host_key = @PublicKey WHERE id = @Id", new { job.Id, key.PublicKey });
        tx.Append(EventKinds.NodeSeen, job.Node, job.Id, text: $"rescue: ssh root@{NodeTable.ById(tx.Sql, job.Node).Address}, host key {key.Fingerprint}");
    }

    public static PhysicalFileHttpResult ConfigDrive(string order, ClaimsPrincipal user, IDatabase database, ConfigDrives drives)
    {
        var caller = AgentCaller.Of(user);
        var job = database.Read(sql => JobTable.Unfinished(sql, caller.Node));
        if (job?.Id != order || job.ConfigDriveSha256 is null || job.Step != OrderSteps.WriteImage || !File.Exists(drives.PathOf(order)))
            throw Problems.NotFound("config drive for order", order, "It is there for its node alone, until its image is written.");
        return TypedResults.PhysicalFile(drives.PathOf(order), "application/octet-stream");
    }

    public static PhysicalFileHttpResult RescuePart(string order, ClaimsPrincipal user, IDatabase database, ConductorSettings settings)
    {
        var caller = AgentCaller.Of(user);
        var job = database.Read(sql => JobTable.Unfinished(sql, caller.Node));
        if (job?.Id != order || job.Kind != JobKind.Rescue || !File.Exists(settings.RescueFile))
            throw Problems.NotFound("SSH server for order", order, "It is there for a node in rescue alone; ramdisk/rescue.sh builds it.");
        return TypedResults.PhysicalFile(settings.RescueFile, "application/octet-stream");
    }

    public static FileContentHttpResult Manifest(string digest, IDatabase database)
    {
        if (!Digest.TryParse(digest, out var manifest) || database.Read(sql => ImageTable.Envelope(sql, manifest)) is not { } envelope)
            throw Problems.NotFound("manifest", digest, "The image was removed from the catalogue.");
        return TypedResults.File(envelope, "application/json");
    }
}
