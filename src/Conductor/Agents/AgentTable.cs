using Baremetal.Api;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Jobs;
using Baremetal.Conductor.Nodes;
using Baremetal.Trust;
using Dapper;

namespace Baremetal.Conductor.Agents;

/// <summary>The agents' statements: of each node the newest boot's, and no other.</summary>
internal static class AgentTable
{
    public static void Enrol(WriteTransaction tx, string node, string bootId, Digest key, bool pinned, string version) => tx.Sql.Execute(
        """
        INSERT INTO agents (node, boot_id, key_sha256, version, pinned, enrolled_at, last_seen) VALUES (@node, @bootId, @key, @version, @pinned, @now, @now)
        ON CONFLICT (node) DO UPDATE SET boot_id = @bootId, key_sha256 = @key, version = @version, pinned = @pinned, enrolled_at = @now, last_seen = @now,
            inventory_at = NULL, left_at = NULL, twin = NULL
        """,
        new { node, bootId, key, version, pinned, now = tx.Now });

    /// <summary>The machine was off, or left the ramdisk, at that time: what enrolled before is gone, and what was given out to enrol with is void.</summary>
    public static void EndBoots(WriteTransaction tx, string node, DateTimeOffset before)
    {
        tx.Sql.Execute("UPDATE agents SET left_at = @before WHERE node = @node AND enrolled_at < @before AND left_at IS NULL", new { node, before });
        tx.Sql.Execute("DELETE FROM boot_tokens WHERE node = @node AND issued < @before", new { node, before });
    }

    /// <summary>No certificate and no token of the node is good for anything any more.</summary>
    public static void Forget(WriteTransaction tx, string node)
    {
        tx.Sql.Execute("DELETE FROM agents WHERE node = @node", new { node });
        tx.Sql.Execute("DELETE FROM boot_tokens WHERE node = @node", new { node });
    }

    /// <summary>A sign of life. Not every beat is written: a quarter of the limit after which an agent is lost is near enough.</summary>
    public static void Touch(IDatabase database, AgentCaller caller, TimeSpan heartbeatLost, DateTimeOffset now)
    {
        var before = now - heartbeatLost / 4;
        if (database.Read(sql => sql.QuerySingleOrDefault<DateTimeOffset?>("SELECT last_seen FROM agents WHERE node = @Node", new { caller.Node })) <= before)
            database.Write(tx => tx.Sql.Execute("UPDATE agents SET last_seen = @now WHERE node = @Node AND boot_id = @BootId", new { caller.Node, caller.BootId, now = tx.Now }));
    }

    /// <summary>What a machine says that is another node already is not taken (false): the other one keeps what it is known by.</summary>
    public static bool TrySetInventory(WriteTransaction tx, AgentCaller caller, Inventory inventory, string? address)
    {
        if (Twins.Of(tx.Sql, NodeTable.ById(tx.Sql, caller.Node), inventory) is { } twin)
        {
            tx.Sql.Execute("UPDATE agents SET twin = @twin, last_seen = @now WHERE node = @Node", new { caller.Node, twin, now = tx.Now });
            return false;
        }
        tx.Sql.Execute(
            """
            UPDATE nodes SET inventory = @inventory, firmware = @firmware, uuid = @uuid, serial = @serial, address = coalesce(@address, address), revision = revision + 1
            WHERE id = @Node
            """,
            new { caller.Node, inventory, firmware = inventory.Firmware.ToString(), uuid = inventory.System.Uuid?.ToString(), serial = Twins.SerialOf(inventory.System), address });
        tx.Sql.Execute("UPDATE agents SET inventory_at = @now, last_seen = @now WHERE node = @Node", new { caller.Node, now = tx.Now });
        return true;
    }

    /// <summary>What an agent says of a step. The first end of a step stands, whatever is told later, and telling it twice does no harm.</summary>
    public static void Report(WriteTransaction tx, string job, StepReport report)
    {
        tx.Sql.Execute(
            """
            INSERT INTO step_reports (job, step, nonce, outcome, cause, code, at) VALUES (@job, @Step, @AgentNonce, @outcome, @Cause, @code, @now)
            ON CONFLICT (job, step, nonce) DO UPDATE SET outcome = excluded.outcome, cause = excluded.cause, code = excluded.code WHERE step_reports.outcome = 'Started'
            """,
            new { job, report.Step, report.AgentNonce, outcome = report.Outcome.ToString(), report.Cause, code = FailureCodes.OfAgents.FirstOrDefault(known => known == report.Code), now = tx.Now });
        if (report.Erased is { } erased && JobTable.Get(tx.Sql, job) is { Targets: { } ordered } row)
            tx.Sql.Execute("UPDATE jobs SET erased = @all WHERE id = @job", new { job, all = ErasedDisks.With(row.Erased, ErasedDisks.Told(ordered, erased)) });
        if (report.Result is { } result)
            tx.Sql.Execute("UPDATE jobs SET result = @result WHERE id = @job", new { job, result });
    }
}
