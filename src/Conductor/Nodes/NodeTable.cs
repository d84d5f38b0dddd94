using System.Data;
using Baremetal.Api;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Events;
using Baremetal.Conductor.Power;
using Dapper;

namespace Baremetal.Conductor.Nodes;

/// <summary>The nodes' statements.</summary>
internal static class NodeTable
{
    private const string Select =
        """
        SELECT n.*, j.id AS current_job, j.kind AS job_kind, j.step AS job_step, j.step_started AS job_step_started, j.attempt AS job_attempt, j.waiting_for AS job_waiting_for,
            a.boot_id, a.version AS agent_version, a.pinned AS agent_pinned, a.enrolled_at AS agent_enrolled_at, a.last_seen AS agent_last_seen,
            a.inventory_at AS agent_inventory_at, a.left_at AS agent_left_at, a.twin AS agent_twin
        FROM nodes n LEFT JOIN agents a ON a.node = n.id LEFT JOIN jobs j ON j.node = n.id AND j.finished IS NULL
        """;

    /// <summary>By id, name or MAC. Names that look like one of the others are never given; what is written exactly comes before what differs in case.</summary>
    public static NodeRow Get(IDbConnection sql, string node) =>
        sql.QuerySingleOrDefault<NodeRow>($"{Select} WHERE n.id = @id OR n.name = @node OR n.mac = @mac", new { id = node.ToLowerInvariant(), node, mac = MacOf(node) })
        ?? (sql.Query<NodeRow>($"{Select} WHERE lower(n.name) = lower(@node) ORDER BY n.name", new { node }).AsList() switch
        {
            [] => throw Problems.NotFound("node", node, "'conductor node list' shows all."),
            [var one] => one,
            var many => throw Problems.Conflict("ambiguous", $"'{node}' can be any of {string.Join(", ", many.Select(one => one.Name))}.", "Write the name as it was enrolled, or give the id or MAC."),
        });

    /// <summary>As the table has it, from any of the ways in which switches, firmware and labels write one; null when it is none.</summary>
    private static string? MacOf(string text)
    {
        var digits = text.Where(c => c is not (':' or '-' or '.')).ToArray();
        return digits.Length == 12 && digits.All(char.IsAsciiHexDigit) ? string.Join(':', digits.Chunk(2).Select(pair => new string(pair))).ToLowerInvariant() : null;
    }

    public static NodeRow ById(IDbConnection sql, string id) => sql.QuerySingle<NodeRow>($"{Select} WHERE n.id = @id", new { id });

    public static NodeRow? ByMac(IDbConnection sql, string mac) => sql.QuerySingleOrDefault<NodeRow>($"{Select} WHERE n.mac = @mac", new { mac });

    /// <summary>The node that was last seen at this address, while a job works on it.</summary>
    public static NodeRow? WorkedOnAt(IDbConnection sql, string address) =>
        sql.QueryFirstOrDefault<NodeRow>($"{Select} WHERE n.address = @address AND j.id IS NOT NULL", new { address });

    public static NodeRow? ByIdempotencyKey(IDbConnection sql, string? key) =>
        key is null ? null : sql.QuerySingleOrDefault<NodeRow>($"{Select} WHERE n.idempotency_key = @key", new { key });

    public static List<NodeRow> Page(IDbConnection sql, string? after, NodeState? state, int limit) =>
        sql.Query<NodeRow>(
            $"{Select} WHERE n.name > @after {(state is null ? "" : "AND n.state = @state")} ORDER BY n.name LIMIT @limit",
            new { after = after ?? "", state = state?.ToString(), limit }).AsList();

    public static void Insert(WriteTransaction tx, NodeRow node)
    {
        RequireUnique(tx.Sql, node);
        tx.Sql.Execute(
            """
            INSERT INTO nodes (id, name, mac, state, since, revision, boot_policy, firmware, power_driver, power_address, power_username, power_password,
                power_tls_pin, power_system, idempotency_key, request_sha256, network, kernel_arguments)
            VALUES (@Id, @Name, @Mac, @stateName, @Since, 1, @policyName, @firmwareName, @PowerDriver, @PowerAddress, @PowerUsername, @PowerPassword,
                @PowerTlsPin, @PowerSystem, @IdempotencyKey, @RequestSha256, @Network, @KernelArguments)
            """,
            Values(node));
        // Of what anybody can make up nothing is told until it has said more.
        if (node.State != NodeState.Pending)
            tx.Append(EventKinds.NodeState, node.Id, text: Word(node.State));
    }

    /// <summary>A pending node is enrolled as what an operator says it is; what it told of itself stays.</summary>
    public static void Enrol(WriteTransaction tx, NodeRow pending, NodeRow enrolled)
    {
        Update(tx, enrolled with { Firmware = enrolled.Firmware ?? pending.Firmware });
        tx.Sql.Execute("UPDATE nodes SET idempotency_key = @IdempotencyKey, request_sha256 = @RequestSha256 WHERE id = @Id", new { pending.Id, enrolled.IdempotencyKey, enrolled.RequestSha256 });
        Move(tx, pending, Nodes.Move.Enrol);
    }

    /// <summary>Writes what an operator may change.</summary>
    public static void Update(WriteTransaction tx, NodeRow node)
    {
        RequireUnique(tx.Sql, node);
        tx.Sql.Execute(
            """
            UPDATE nodes SET name = @Name, mac = @Mac, boot_policy = @policyName, firmware = @firmwareName, power_driver = @PowerDriver, power_address = @PowerAddress,
                power_username = @PowerUsername, power_password = @PowerPassword, power_tls_pin = @PowerTlsPin, power_system = @PowerSystem,
                network = @Network, kernel_arguments = @KernelArguments, revision = revision + 1
            WHERE id = @Id
            """,
            Values(node));
    }

    public static void Protect(WriteTransaction tx, NodeRow node, bool isProtected)
    {
        tx.Sql.Execute("UPDATE nodes SET protected = @isProtected, revision = revision + 1 WHERE id = @Id", new { node.Id, isProtected });
        tx.Append(EventKinds.NodeState, node.Id, text: isProtected ? "protected" : "unprotected");
    }

    public static void Maintain(WriteTransaction tx, NodeRow node, string? reason)
    {
        tx.Sql.Execute("UPDATE nodes SET maintenance = @reason, revision = revision + 1 WHERE id = @Id", new { node.Id, reason });
        tx.Append(EventKinds.NodeState, node.Id, text: reason is null ? "out of maintenance" : $"in maintenance: {reason}");
    }

    /// <summary>Moves a node, or says which moves its state allows.</summary>
    public static NodeState Move(WriteTransaction tx, NodeRow node, Move move, string? job = null, string? cause = null)
    {
        if (Moves.Next(node.State, move) is not { } next)
            throw Forbidden(node, move);
        tx.Sql.Execute(
            "UPDATE nodes SET state = @state, since = @now, revision = revision + 1, cause = @cause WHERE id = @Id",
            new { node.Id, state = next.ToString(), now = tx.Now, cause });
        tx.Append(EventKinds.NodeState, node.Id, job, text: cause is null ? Word(next) : $"{Word(next)}: {cause}");
        return next;
    }

    public static void Remove(WriteTransaction tx, NodeRow node)
    {
        if (!Moves.MayRemove(node.State))
            throw Forbidden(node, Nodes.Move.Remove);
        tx.Sql.Execute("DELETE FROM nodes WHERE id = @Id", new { node.Id });
        tx.Append(EventKinds.NodeState, node.Id, text: "removed");
    }

    public static ProblemException Forbidden(NodeRow node, Move move)
    {
        var legal = Moves.Legal(node.State).Where(one => Guards.Allows(node, one)).Select(Done).ToList();
        return Problems.Conflict("state-forbids",
            $"Node {node.Name} is {Word(node.State)}; only {OneOf(Moves.From(move).Select(Word))} nodes are {Done(move)}.",
            node.CurrentJob is { } job
                ? $"Job {job} works on it: wait for its end, or abort it with 'conductor job abort {job}'."
                : $"As it is, {(legal.Count == 0 ? "nothing can be done with it" : $"it can be {OneOf(legal)}")}.{Guards.Ways(node)}");
    }

    /// <summary>Why the node cannot be called so, as a sentence; null if it can.</summary>
    public static string? NameRefusal(IDbConnection sql, string id, string name) =>
        !NodeEndpoints.IsName(name) ? "that is no name for a node."
        : sql.QueryFirstOrDefault<string>("SELECT name FROM nodes WHERE lower(name) = lower(@name) AND id <> @id", new { id, name }) is { } other ? $"there is already a node '{other}'."
        : null;

    /// <summary>No two nodes have a name, a MAC or a system of a power controller in common.</summary>
    public static void RequireUnique(IDbConnection sql, NodeRow node)
    {
        if (sql.QueryFirstOrDefault<string>("SELECT name FROM nodes WHERE (lower(name) = lower(@Name) OR mac = @Mac) AND id <> @Id", new { node.Id, node.Name, node.Mac }) is { } other)
        {
            // Who gave the MAC of another server by mistake must not be led to remove that one.
            throw other.Equals(node.Name, StringComparison.OrdinalIgnoreCase)
                ? Problems.Conflict("exists", $"There is already a node '{other}'.", $"One machine is one node. Choose another name, or remove it: 'conductor node remove {other}'.")
                : Problems.Conflict("exists", $"Node '{other}' already has the MAC {node.Mac}.", $"One machine is one node. Give this server's own MAC; 'conductor node show {other}' shows whose it is.");
        }
        if (node.PowerAddress is { } address && SystemClaims.Holder(sql, SystemClaims.NameOf(new Uri(address)), node.Id) is { } same)
        {
            throw Problems.Conflict("exists", $"Node '{same}' already has the power address {address}: what is ordered for {node.Name} would switch {same}.",
                $"One system is one node. Give {node.Name} the address of its own (where a Redfish service has several: https://BMC/redfish/v1/Systems/ID), or remove the other: 'conductor node remove {same}'.");
        }
    }

    private static DynamicParameters Values(NodeRow node)
    {
        var row = new DynamicParameters(node);
        row.Add("stateName", node.State.ToString());
        row.Add("policyName", node.BootPolicy.ToString());
        row.Add("firmwareName", node.Firmware?.ToString());
        return row;
    }

    private static string Done(Move move) => move switch
    {
        Nodes.Move.Inspect => "inspected",
        Nodes.Move.Approve => "approved",
        Nodes.Move.Deploy => "deployed",
        Nodes.Move.Adopt => "adopted",
        Nodes.Move.Clean => "cleaned",
        Nodes.Move.Release => "released",
        Nodes.Move.Remove => "removed",
        Nodes.Move.Rescue => "rescued",
        Nodes.Move.Enrol => "enrolled",
        _ => throw new ArgumentOutOfRangeException(nameof(move), move, "no operator asks for it"),
    };

    private static string OneOf(IEnumerable<string> words) => words.ToList() is [.. var most, var last] && most.Count > 0 ? $"{string.Join(", ", most)} or {last}" : string.Concat(words);

    private static string Word<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();
}
