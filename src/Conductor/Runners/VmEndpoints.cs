using System.ComponentModel;
using System.Data;
using Baremetal.Api;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Secrets;
using Baremetal.Conductor.VmImages;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Baremetal.Conductor.Runners;

/// <summary>What operators ask of VMs. An order is written down; the runner takes it up when it asks next, which is at once.</summary>
internal static class VmEndpoints
{
    public static Created<Vm> Create(string runner, CreateVm ask, IDatabase database, SecretBox secrets, RunnerPresence presence, OwnImages images, HttpRequest request)
    {
        VmChecks.Require(ask);
        var call = Idempotency.Of(request, secrets, "create-vm", ask, ApiJson.Default.CreateVm);
        var vm = database.Write(tx =>
        {
            var found = RunnerTable.Get(tx.Sql, runner);
            if (VmTable.ByIdempotencyKey(tx.Sql, call.Key) is { } done)
            {
                call.Require(done.Runner == found.Id, done.RequestSha256);
                return View(tx.Sql, done.Id, found, presence);
            }
            VmChecks.RequireRoom(ask, found, presence.IsLost(found), VmTable.OfRunner(tx.Sql, found.Id));
            var id = Guid.CreateVersion7(tx.Now).ToString();
            VmTable.Insert(tx, found, new VmRow
            {
                Id = id,
                Runner = found.Id,
                Name = ask.Name,
                Spec = ask with { UserData = null },
                OwnImage = ImageReference.IsOfCatalogue(ask.Image) ? images.PathOf(tx.Sql, ask.Image) : null,
                UserData = ask.UserData is null ? null : secrets.Seal(ask.UserData, VmRow.UserDataPlace(id)),
                Target = ask.Target,
                Run = ask.Target == VmTarget.Running ? 1 : 0,
                Created = tx.Now,
                IdempotencyKey = call.Key,
                RequestSha256 = call.Request,
            });
            return View(tx.Sql, id, found, presence);
        });
        return TypedResults.Created(Routes.For(Routes.Vm, vm.Runner, vm.Name), vm);
    }

    public static Page<Vm> List(string runner, IDatabase database, RunnerPresence presence, int? limit = null, string? after = null)
    {
        var size = Paging.Limit(limit);
        return database.Read(sql =>
        {
            var found = RunnerTable.Get(sql, runner);
            var rows = VmTable.Page(sql, found.Id, after, size + 1);
            var isLost = presence.IsLost(found);
            return new Page<Vm>([.. rows.Take(size).Select(row => row.ToApi(found, isLost))], rows.Count > size ? rows[size - 1].Name : null);
        });
    }

    public static Page<Vm> ListAll(IDatabase database, RunnerPresence presence, int? limit = null, string? after = null)
    {
        var size = Paging.Limit(limit);
        return database.Read(sql =>
        {
            var rows = VmTable.Page(sql, after, size + 1);
            var runners = rows.Select(row => row.Runner).Distinct().ToDictionary(id => id, id => RunnerTable.ById(sql, id)!);
            return new Page<Vm>([.. rows.Take(size).Select(row => row.ToApi(runners[row.Runner], presence.IsLost(runners[row.Runner])))], rows.Count > size ? rows[size - 1].Id : null);
        });
    }

    public static Vm Show(string runner, string vm, IDatabase database, RunnerPresence presence) => database.Read(sql =>
    {
        var found = RunnerTable.Get(sql, runner);
        return VmTable.Get(sql, found, vm).ToApi(found, presence.IsLost(found));
    });

    /// <summary>One that runs, or is about to, is left alone; one that ended by itself is started again.</summary>
    public static Accepted<Vm> Start(string runner, string vm, IDatabase database, RunnerPresence presence) => Order(runner, vm, database, presence, (tx, found, row) =>
    {
        var hasEnded = VmStanding.Of(row, found, isLost: false).State is VmState.Stopped or VmState.Failed;
        if (row.Target != VmTarget.Running || hasEnded)
            VmTable.Order(tx, found, row, VmTarget.Running, row.Run + 1);
    });

    public static Accepted<Vm> Stop(string runner, string vm, IDatabase database, RunnerPresence presence) => Order(runner, vm, database, presence, (tx, found, row) =>
    {
        if (row.Target != VmTarget.Stopped)
            VmTable.Order(tx, found, row, VmTarget.Stopped, row.Run);
    });

    /// <summary>The one call here that does something each time; sent again under the same key it does it once.</summary>
    public static Accepted<Vm> Restart(string runner, string vm, IDatabase database, RunnerPresence presence, SecretBox secrets, HttpRequest request)
    {
        var key = Idempotency.Of(request, secrets, "restart-vm", vm, ParameterJson.Default.String).Key;
        return Order(runner, vm, database, presence, (tx, found, row) =>
        {
            if (key is null || row.RestartKey != key)
                VmTable.Order(tx, found, row, VmTarget.Running, row.Run + 1, key);
        });
    }

    /// <summary>The runner deletes it, disk and all, and says so. What is forced is forgotten where that cannot be waited for.</summary>
    public static Results<Accepted<Vm>, NoContent> Delete(
        string runner, string vm, IDatabase database, RunnerPresence presence,
        [Description("Forgets a VM whose runner is lost, or does not come to delete it: if it still runs there, it runs on, and nobody here knows of it.")] bool force = false)
    {
        var left = database.Write(tx =>
        {
            var found = RunnerTable.Get(tx.Sql, runner);
            var row = VmTable.Get(tx.Sql, found, vm);
            if (force && (presence.IsLost(found) || row.Target == VmTarget.Deleted))
            {
                VmTable.Remove(tx, found, row, "forgotten, by force");
                return null;
            }
            if (row.Target != VmTarget.Deleted)
                VmTable.Order(tx, found, row, VmTarget.Deleted, row.Run);
            return View(tx.Sql, row.Id, found, presence);
        });
        return left is null ? TypedResults.NoContent() : TypedResults.Accepted(Routes.For(Routes.Vm, left.Runner, left.Name), left);
    }

    private static Accepted<Vm> Order(string runner, string vm, IDatabase database, RunnerPresence presence, Action<WriteTransaction, RunnerRow, VmRow> order)
    {
        var ordered = database.Write(tx =>
        {
            var found = RunnerTable.Get(tx.Sql, runner);
            var row = VmTable.Get(tx.Sql, found, vm);
            if (row.Target == VmTarget.Deleted)
                throw Problems.Conflict("state-forbids", $"VM {found.Name}/{row.Name} is being deleted.", "Create it anew when it is gone.");
            order(tx, found, row);
            return View(tx.Sql, row.Id, found, presence);
        });
        return TypedResults.Accepted(Routes.For(Routes.Vm, ordered.Runner, ordered.Name), ordered);
    }

    private static Vm View(IDbConnection sql, string id, RunnerRow runner, RunnerPresence presence) => VmTable.ById(sql, id).ToApi(runner, presence.IsLost(runner));
}
