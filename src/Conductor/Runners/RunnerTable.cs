using System.Data;
using Baremetal.Api;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Events;
using Baremetal.Conductor.Nodes;
using Baremetal.Trust;
using Dapper;

namespace Baremetal.Conductor.Runners;

/// <summary>The runners' statements.</summary>
internal static class RunnerTable
{
    public const string NotReportedYet = "It has joined, and has not reported yet.";

    private static readonly string _select =
        $"""
        SELECT r.*, n.name AS node_name, coalesce(v.vms, 0) AS vms, coalesce(v.processors, 0) AS vm_processors, coalesce(v.memory_mb, 0) AS vm_memory_mb
        FROM runners r LEFT JOIN nodes n ON n.id = r.node
            LEFT JOIN (SELECT runner, count(*) AS vms, sum(processors) AS processors, sum(memory_mb + {CreateVm.OverheadMb}) AS memory_mb FROM vms GROUP BY runner) v ON v.runner = r.id
        """;

    /// <summary>By id or name.</summary>
    public static RunnerRow Get(IDbConnection sql, string runner) =>
        sql.QuerySingleOrDefault<RunnerRow>($"{_select} WHERE r.id = @id OR lower(r.name) = @id", new { id = runner.ToLowerInvariant() })
        ?? throw Problems.NotFound("runner", runner, "'conductor runner list' shows all.");

    public static RunnerRow? ById(IDbConnection sql, string id) => sql.QuerySingleOrDefault<RunnerRow>($"{_select} WHERE r.id = @id", new { id });

    public static RunnerRow? ByName(IDbConnection sql, string name) => sql.QuerySingleOrDefault<RunnerRow>($"{_select} WHERE lower(r.name) = lower(@name)", new { name });

    public static RunnerRow? OfNode(IDbConnection sql, string node) => sql.QueryFirstOrDefault<RunnerRow>($"{_select} WHERE r.node = @node", new { node });

    public static List<RunnerRow> Page(IDbConnection sql, string? after, int limit) =>
        sql.Query<RunnerRow>($"{_select} WHERE r.name > @after ORDER BY r.name LIMIT @limit", new { after = after ?? "", limit }).AsList();

    public static void Insert(WriteTransaction tx, string id, string name, string? node, Digest key, string version, string? address)
    {
        Insert(tx, id, name, node, RunnerState.NotReady, NotReportedYet, key, version, address);
        tx.Append(EventKinds.RunnerJoined, node, text: $"runner {name} joined from {address ?? "an unknown address"}");
    }

    /// <summary>The runner comes with a new key; the old one opens nothing any more.</summary>
    public static void Rejoin(WriteTransaction tx, RunnerRow runner, Digest key, string version, string? address)
    {
        tx.Sql.Execute(
            "UPDATE runners SET key_sha256 = @key, version = @version, address = @address, joined = @now, last_seen = @now, reported_revision = NULL, state = @state, since = @now, cause = @cause WHERE id = @Id",
            new { runner.Id, key, version, address, now = tx.Now, state = nameof(RunnerState.NotReady), cause = NotReportedYet });
        tx.Append(EventKinds.RunnerJoined, runner.Node, text: $"runner {runner.Name} joined again from {address ?? "an unknown address"}");
    }

    /// <summary>The first boot of a node did not make it a runner. That it is listed all the same is for whoever looks for it.</summary>
    public static void Fail(WriteTransaction tx, NodeRow node, string cause)
    {
        if (OfNode(tx.Sql, node.Id) is { } joined)
            tx.Sql.Execute("UPDATE runners SET state = @state, since = @now, cause = @cause WHERE id = @Id", new { joined.Id, state = nameof(RunnerState.Failed), cause, now = tx.Now });
        else if (ByName(tx.Sql, node.Name) is null)
            Insert(tx, Guid.CreateVersion7(tx.Now).ToString(), node.Name, node.Id, RunnerState.Failed, cause);
        tx.Append(EventKinds.RunnerState, node.Id, text: $"runner {node.Name}: failed: {cause}");
    }

    /// <summary>Something else is to be done by the runner from now on.</summary>
    /// <returns>The revision of its orders.</returns>
    public static long NewOrders(WriteTransaction tx, string id) =>
        tx.Sql.QuerySingle<long>("UPDATE runners SET revision = revision + 1 WHERE id = @id RETURNING revision", new { id });

    public static void Remove(WriteTransaction tx, RunnerRow runner)
    {
        tx.Sql.Execute("DELETE FROM runners WHERE id = @Id", new { runner.Id });
        tx.Append(EventKinds.RunnerState, runner.Node, text: $"runner {runner.Name}: removed{(runner.Vms == 0 ? "" : $", with the record of its VMs ({runner.Vms})")}");
    }

    private static void Insert(WriteTransaction tx, string id, string name, string? node, RunnerState state, string cause, Digest? key = null, string version = "", string? address = null) =>
        tx.Sql.Execute(
            """
            INSERT INTO runners (id, name, key_sha256, node, version, joined, last_seen, address, revision, state, since, cause)
            VALUES (@id, @name, @key, @node, @version, @now, @now, @address, 0, @state, @now, @cause)
            """,
            new { id, name, key, node, version, address, now = tx.Now, state = state.ToString(), cause });

    /// <summary>As a node's, which it may have been deployed as; and never what stands in its place in an address.</summary>
    public static bool IsName(string? name) => NodeEndpoints.IsName(name) && !name.Equals("join", StringComparison.OrdinalIgnoreCase);
}
