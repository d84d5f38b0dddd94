using System.CommandLine;
using Baremetal.Api;
using Baremetal.Api.Client;

namespace Baremetal.Cli.Nodes;

/// <summary><c>conductor node inventory</c>: what a server has, what it had, and what changed.</summary>
internal static class InventoryCommand
{
    public static Verb Create()
    {
        var name = NodeCommands.Name();
        var history = new Option<bool>("--history") { Description = "Shows all inventories that are kept, the newest first, and what changed each time." };
        var number = new Option<int?>("--number") { HelpName = "NUMBER", Description = "This one of the history; the newest if not given." };
        var since = new Option<int?>("--since") { HelpName = "NUMBER", Description = "Shows only what changed since this one of the history, a line each." };
        return new Verb(
            "inventory",
            "Shows what a server has, as its agent told it last; or what it had, and what of its hardware changed.",
            """
            conductor node inventory r7
            conductor node inventory r7 --history
            conductor node inventory r7 --since 1
            """,
            async (call, cancel) =>
            {
                var node = call.Require(name);
                if (call.Get(history) && (call.Get(number) ?? call.Get(since)) is not null)
                    throw Failure.WrongUsage("Whether all inventories or one shall be shown is not clear.", "Give either --history, or --number and --since.");
                using var conductor = call.Connect();
                if (call.Get(history))
                {
                    var all = await conductor.ListInventoriesAsync(node, cancel).ToArrayAsync(cancel);
                    call.Show(new Page<KeptInventory>(all, null), CliJson.Api.PageKeptInventory, (screen, page) => InventoryViews.History(screen, page.Items, node));
                    return ExitCodes.Done;
                }
                var wanted = call.Get(number) ?? await NewestAsync(conductor, node, cancel);
                var kept = await conductor.GetInventoryAsync(node, wanted, call.Get(since), cancel);
                call.Show(kept, CliJson.Api.KeptInventory, call.Get(since) is null ? InventoryViews.Show : InventoryViews.Changes);
                return ExitCodes.Done;
            })
        {
            name,
            history,
            number,
            since,
        };
    }

    private static async Task<int> NewestAsync(ConductorClient conductor, string node, CancellationToken cancel) =>
        (await conductor.ListInventoriesAsync(node, cancel).FirstOrDefaultAsync(cancel))?.Number
        ?? throw Failure.NotFound($"{node} has told no inventory yet.", $"Its agent does at its first boot: conductor node inspect {node} --wait");
}
