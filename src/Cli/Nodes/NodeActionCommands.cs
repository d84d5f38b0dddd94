using System.CommandLine;
using Baremetal.Api;
using Baremetal.Api.Client;
using Baremetal.Cli.Display;
using Baremetal.Cli.Jobs;

namespace Baremetal.Cli.Nodes;

/// <summary><c>conductor node …</c>: what is done to a server, or said of it.</summary>
internal static class NodeActionCommands
{
    public static Verb Inspect()
    {
        var names = NodeCommands.Names();
        var wait = JobCommands.Wait();
        return new Verb(
            "inspect",
            "Boots a node's agent from the network and takes its inventory. Its disks are not touched.",
            """
            conductor node inspect r7 --wait
            conductor node inspect r8 r9 r10
            """,
            async (call, cancel) =>
            {
                using var follower = new JobFollower(call);
                return await follower.StartAsync(call.Require(names), node => follower.Conductor.InspectAsync(node, cancel), call.Get(wait), cancel);
            })
        {
            names,
            wait,
        };
    }

    public static Verb Approve() => Word(
        "approve",
        "Says that a node, enrolled or discovered, is the server you think it is, and may be written to. Look at its inventory first.",
        "conductor node approve r7",
        (conductor, node, cancel) => conductor.ApproveAsync(node, cancel),
        NodeViews.Approved);

    public static Verb Adopt() => Word(
        "adopt",
        "Takes a server that runs already into care as it is: it becomes active, nothing is done to it, and it is protected.",
        "conductor node adopt r7",
        (conductor, node, cancel) => conductor.AdoptAsync(node, cancel),
        NodeViews.Adopted);

    public static Verb Clean() => Erase(
        "clean",
        "Erases the disks of an available node, and reads samples of them again.",
        """
        conductor node clean r7 --wait
        conductor node clean r7 --depth secure,zero --disk serial=S6PXNA0T
        """,
        (conductor, node, clean, cancel) => conductor.CleanAsync(node, clean, cancel));

    public static Verb Release() => Erase(
        "release",
        "Ends an active node's service: its disks are erased, and it is available again.",
        "conductor node release r7 --depth zero --wait",
        (conductor, node, clean, cancel) => conductor.ReleaseAsync(node, clean, cancel));

    public static Verb Rescue()
    {
        var names = NodeCommands.Names();
        var keys = new Option<string[]>("--ssh-key") { HelpName = "FILE", Required = true, Description = "A public key that may log in as root; may be given again." };
        var time = new Option<string>("--for") { HelpName = "TIME", Description = "How long at most, such as 30m or 8h; 4h if not given." };
        var wait = JobCommands.Wait();
        return new Verb(
            "rescue",
            "Boots a node that is active, available or failed from the network, with an SSH server in the ramdisk. Its disks are as they are; the time over, it restarts from them.",
            "conductor node rescue r7 --ssh-key ~/.ssh/id_ed25519.pub --for 2h",
            async (call, cancel) =>
            {
                var rescue = new RescueNode(SshKeyFiles.Read(call.Get(keys) ?? []), call.Get(time) is { } text ? TimeSpanWord.SecondsOf(text, "--for") : RescueNode.UsualSeconds);
                using var follower = new JobFollower(call);
                return await follower.StartAsync(call.Require(names), node => follower.Conductor.RescueAsync(node, rescue, cancel), call.Get(wait), cancel);
            })
        {
            names,
            keys,
            time,
            wait,
        };
    }

    public static Verb Unrescue()
    {
        var names = NodeCommands.Names();
        var wait = JobCommands.Wait();
        return new Verb(
            "unrescue",
            "Ends a node's rescue: whoever is logged in is thrown out, and it restarts from its disk.",
            "conductor node unrescue r7 --wait",
            async (call, cancel) =>
            {
                using var follower = new JobFollower(call);
                return await follower.StartAsync(call.Require(names), node => follower.Conductor.UnrescueAsync(node, cancel), call.Get(wait), cancel);
            })
        {
            names,
            wait,
        };
    }

    public static Verb Abort()
    {
        var names = NodeCommands.Names();
        return new Verb(
            "abort",
            "Stops the job that works on a node. A disk that is being written then boots nothing, until the next deploy.",
            "conductor node abort r7",
            async (call, cancel) =>
            {
                using var conductor = call.Connect();
                return await OneByOne.RunAsync(call, call.Require(names), async node =>
                {
                    call.Show(await conductor.AbortAsync(node, cancel), CliJson.Api.Job, JobViews.Stopped);
                    return ExitCodes.Done;
                });
            })
        {
            names,
        };
    }

    public static Verb Protect() => Word(
        "protect",
        "Protects a node: until that is taken away it is neither written to nor removed, whoever asks.",
        "conductor node protect r7",
        (conductor, node, cancel) => conductor.ProtectAsync(node, cancel),
        NodeViews.Protected);

    public static Verb Unprotect() => Word(
        "unprotect",
        "Takes a node's protection away.",
        "conductor node unprotect r7",
        (conductor, node, cancel) => conductor.UnprotectAsync(node, cancel),
        NodeViews.Protected);

    public static Verb Maintenance()
    {
        var names = NodeCommands.Names();
        var reason = new Option<string>("--reason") { HelpName = "TEXT", Description = "Why; others read it in 'conductor node list'." };
        var end = new Option<bool>("--end") { Description = "It is over." };
        return new Verb(
            "maintenance",
            "Keeps jobs from being begun on a node while somebody works on it by hand. It can still be switched on and off.",
            """
            conductor node maintenance r7 --reason "new memory, ticket 4711"
            conductor node maintenance r7 --end
            """,
            async (call, cancel) =>
            {
                if (call.Get(end) == call.Get(reason) is not null)
                    throw Failure.WrongUsage("Whether the maintenance begins or ends is not clear.", "Give either --reason TEXT or --end.");
                using var conductor = call.Connect();
                return await OneByOne.RunAsync(call, call.Require(names), async node =>
                {
                    call.Show(
                        call.Get(reason) is { } why ? await conductor.BeginMaintenanceAsync(node, why, cancel) : await conductor.EndMaintenanceAsync(node, cancel),
                        CliJson.Api.Node, NodeViews.Maintained);
                    return ExitCodes.Done;
                });
            })
        {
            names,
            reason,
            end,
        };
    }

    public static Verb Power()
    {
        var name = NodeCommands.Name();
        var target = new Argument<PowerTarget?>("TARGET")
        {
            Arity = ArgumentArity.ZeroOrOne,
            CustomParser = Word<PowerTarget>.ParseOptional,
            Description = "on, off, reset or cycle; without it, the power state is shown.",
        };
        return new Verb(
            "power",
            "Shows whether a node is on, or switches it.",
            """
            conductor node power r7
            conductor node power r7 cycle
            """,
            async (call, cancel) =>
            {
                using var conductor = call.Connect();
                var node = call.Require(name);
                if (call.Get(target) is { } wanted)
                    await conductor.SetPowerAsync(node, wanted, cancel);
                call.Show(await conductor.GetPowerAsync(node, cancel), CliJson.Api.PowerReport, (screen, report) => NodeViews.Power(screen, node, report));
                return ExitCodes.Done;
            })
        {
            name,
            target,
        };
    }

    private static Verb Erase(string word, string description, string example, Func<ConductorClient, string, CleanNode, CancellationToken, Task<Job>> start)
    {
        var names = NodeCommands.Names();
        var depth = new Option<CleanDepth[]>("--depth")
        {
            HelpName = "metadata|discard|zero|secure",
            CustomParser = Word<CleanDepth>.ParseSeveral,
            Description = "metadata, if not given: the ends of disks and partitions, in seconds; the data between stay and can be read. discard: an SSD is told to forget all, in seconds, and looked at in every 16 MiB. zero: all that can be addressed. secure: the disk erases itself, what it has put aside included. Several with commas: each disk by the first that erases it whole, such as secure,zero.",
        };
        var disk = new Option<string[]>("--disk") { HelpName = "HINT", Description = "Only this disk, by the hints of 'deploy --root-device'; all that can be written if not given." };
        var wait = JobCommands.Wait();
        return new Verb(word, description, example, async (call, cancel) =>
        {
            var depths = call.Get(depth) ?? [];
            var clean = new CleanNode(depths is [var first, ..] ? first : CleanDepth.Metadata, RootDeviceOption.Read(call.Get(disk) ?? [], "--disk"), depths.Length > 1 ? depths[1..] : null);
            using var follower = new JobFollower(call);
            return await follower.StartAsync(call.Require(names), node => start(follower.Conductor, node, clean, cancel), call.Get(wait), cancel);
        })
        {
            names,
            depth,
            disk,
            wait,
        };
    }

    // Said of a node, and answered with the node as it is now.
    private static Verb Word(string word, string description, string example, Func<ConductorClient, string, CancellationToken, Task<Node>> say, Action<Screen, Node> show)
    {
        var names = NodeCommands.Names();
        return new Verb(
            word,
            description,
            example,
            async (call, cancel) =>
            {
                using var conductor = call.Connect();
                return await OneByOne.RunAsync(call, call.Require(names), async node =>
                {
                    call.Show(await say(conductor, node, cancel), CliJson.Api.Node, show);
                    return ExitCodes.Done;
                });
            })
        {
            names,
        };
    }
}
