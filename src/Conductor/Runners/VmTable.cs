using System.Data;
using Baremetal.Api;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Events;
using Dapper;

namespace Baremetal.Conductor.Runners;

/// <summary>The VMs' statements.</summary>
internal static class VmTable
{
    /// <summary>By id or name, of this runner.</summary>
    public static VmRow Get(IDbConnection sql, RunnerRow runner, string vm) =>
        sql.QuerySingleOrDefault<VmRow>("SELECT * FROM vms WHERE runner = @Id AND (id = @vm OR lower(name) = @vm)", new { runner.Id, vm = vm.ToLowerInvariant() })
        ?? throw Problems.NotFound($"VM on runner {runner.Name}", vm, "'conductor vm list' shows all.");

    public static VmRow ById(IDbConnection sql, string id) => sql.QuerySingle<VmRow>("SELECT * FROM vms WHERE id = @id", new { id });

    public static VmRow? ByName(IDbConnection sql, string runner, string name) =>
        sql.QuerySingleOrDefault<VmRow>("SELECT * FROM vms WHERE runner = @runner AND lower(name) = lower(@name)", new { runner, name });

    public static VmRow? ByIdempotencyKey(IDbConnection sql, string? key) =>
        key is null ? null : sql.QuerySingleOrDefault<VmRow>("SELECT * FROM vms WHERE idempotency_key = @key", new { key });

    public static List<VmRow> OfRunner(IDbConnection sql, string runner) => sql.Query<VmRow>("SELECT * FROM vms WHERE runner = @runner ORDER BY name", new { runner }).AsList();

    public static List<VmRow> Page(IDbConnection sql, string runner, string? after, int limit) =>
        sql.Query<VmRow>("SELECT * FROM vms WHERE runner = @runner AND name > @after ORDER BY name LIMIT @limit", new { runner, after = after ?? "", limit }).AsList();

    /// <summary>Over all runners, the oldest first: ids grow with time.</summary>
    public static List<VmRow> Page(IDbConnection sql, string? after, int limit) =>
        sql.Query<VmRow>("SELECT * FROM vms WHERE id > @after ORDER BY id LIMIT @limit", new { after = after ?? "", limit }).AsList();

    public static void Insert(WriteTransaction tx, RunnerRow runner, VmRow vm)
    {
        tx.Sql.Execute(
            """
            INSERT INTO vms (id, runner, name, spec, own_image, memory_mb, processors, user_data, target, run, order_revision, created, idempotency_key, request_sha256, reported_run)
            VALUES (@Id, @Runner, @Name, @Spec, @OwnImage, @MemoryMb, @Processors, @UserData, @target, @Run, @revision, @Created, @IdempotencyKey, @RequestSha256, 0)
            """,
            new
            {
                vm.Id,
                vm.Runner,
                vm.Name,
                vm.Spec,
                vm.OwnImage,
                vm.Spec.MemoryMb,
                vm.Spec.Processors,
                vm.UserData,
                target = vm.Target.ToString(),
                vm.Run,
                vm.Created,
                vm.IdempotencyKey,
                vm.RequestSha256,
                revision = RunnerTable.NewOrders(tx, runner.Id),
            });
        tx.Append(EventKinds.VmState, runner.Node, text: $"VM {runner.Name}/{vm.Name}: pending");
    }

    /// <summary>Orders something else of a VM.</summary>
    public static void Order(WriteTransaction tx, RunnerRow runner, VmRow vm, VmTarget target, long run, string? restartKey = null)
    {
        tx.Sql.Execute(
            "UPDATE vms SET target = @target, run = @run, restart_key = @restartKey, order_revision = @revision WHERE id = @Id",
            new { vm.Id, target = target.ToString(), run, restartKey, revision = RunnerTable.NewOrders(tx, runner.Id) });
        tx.Append(EventKinds.VmState, runner.Node, text: $"VM {runner.Name}/{vm.Name}: shall be {target.ToString().ToLowerInvariant()}{(vm.Target == target ? ", anew" : "")}");
    }

    public static void Remove(WriteTransaction tx, RunnerRow runner, VmRow vm, string how)
    {
        tx.Sql.Execute("DELETE FROM vms WHERE id = @Id", new { vm.Id });
        RunnerTable.NewOrders(tx, runner.Id);
        tx.Append(EventKinds.VmState, runner.Node, text: $"VM {runner.Name}/{vm.Name}: {how}");
    }
}
