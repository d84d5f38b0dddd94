using System.CommandLine;
using Baremetal.Api;

namespace Baremetal.Cli.Nodes;

/// <summary><c>conductor node …</c>: the servers that a conductor knows.</summary>
internal static class NodeCommands
{
    /// <summary>The argument that names a node, in every command that works on one.</summary>
    public static Argument<string> Name() => new("NODE") { Description = "Its name, its id, or a MAC address." };

    /// <summary>The same, in commands that work on several.</summary>
    public static Argument<string[]> Names() => new("NODE") { Arity = ArgumentArity.OneOrMore, Description = "Its name, its id, or a MAC address; several are taken in turn." };

    public static Verb List()
    {
        var state = new Option<NodeState?>("--state") { HelpName = "STATE", CustomParser = Word<NodeState>.ParseOptional, Description = "Only those in this state, such as pending." };
        return new Verb(
            "list",
            "Shows all nodes: their state and since when, how well each side knows the other, and what runs on them.",
            """
            conductor node list
            conductor node list --state pending
            """,
            async (call, cancel) =>
            {
                using var conductor = call.Connect();
                var nodes = await conductor.ListNodesAsync(cancel, call.Get(state)).ToArrayAsync(cancel);
                call.Show(new Page<Node>(nodes, null), CliJson.Api.PageNode, (screen, page) => NodeViews.List(screen, page.Items, call.Now, call.Get(state)));
                return ExitCodes.Done;
            })
        {
            state,
        };
    }

    public static Verb Show()
    {
        var name = Name();
        return new Verb(
            "show",
            "Shows one node in full, with the inventory that its agent found.",
            "conductor node show r7",
            async (call, cancel) =>
            {
                using var conductor = call.Connect();
                call.Show(await conductor.GetNodeAsync(call.Require(name), cancel), CliJson.Api.Node, NodeViews.Show);
                return ExitCodes.Done;
            })
        {
            name,
        };
    }

    public static Verb Enrol()
    {
        var node = new EnrolOptions();
        return new Verb(
            "enrol",
            "Makes a server known: how it is recognised on the network, and how it is switched on. Nothing is started.",
            """
            conductor node enrol r7 --mac 52:54:00:12:34:56 --redfish https://r7-bmc \
              --redfish-user admin --redfish-password-file bmc.password
            conductor node enrol r8 --mac 52:54:00:12:34:57 --ipmi r8-bmc \
              --ipmi-user admin --ipmi-password-file bmc.password --firmware uefi
            """,
            async (call, cancel) =>
            {
                var ask = node.Read(call);
                using var conductor = call.Connect();
                call.Show(await conductor.EnrolNodeAsync(ask, cancel), CliJson.Api.Node, NodeViews.Enrolled);
                return ExitCodes.Done;
            })
        {
            node.Name,
            node,
        };
    }

    public static Verb Edit()
    {
        var name = Name();
        var newName = new Option<string>("--name") { HelpName = "NAME", Description = "What it shall be called." };
        var mac = new Option<string>("--mac") { HelpName = "MAC", Description = "Another card: the address that it boots from the network with. An available node has to be approved again." };
        var power = new PowerOptions();
        var policy = new Option<BootPolicy?>("--boot-policy") { HelpName = "disk-first|network-first", CustomParser = Word<BootPolicy>.ParseOptional, Description = "What its firmware tries first." };
        var firmware = new Option<FirmwareMode?>("--firmware") { HelpName = "bios|uefi", CustomParser = Word<FirmwareMode>.ParseOptional, Description = "How it boots, until an inspection finds otherwise." };
        var network = new NetworkOptions();
        var plain = new Option<bool>("--plain-network") { Description = "Takes all network settings away: the ramdisk asks by DHCP on the card that it was booted from." };
        var kernelArguments = EnrolOptions.KernelArguments();
        return new Verb(
            "edit",
            "Changes how a node is called, recognised, switched on or reached. What you do not give stays; power options replace all of the old ones, and so do network options.",
            """
            conductor node edit r7 --boot-policy network-first
            conductor node edit r7 --redfish https://r7-new-bmc \
              --redfish-user admin --redfish-password-file bmc.password
            conductor node edit r7 --vlan 12 --address 10.0.12.5/24 --gateway 10.0.12.1
            """,
            async (call, cancel) =>
            {
                var edit = new EditNode(
                    call.Get(newName), call.Get(mac), power.Read(call), call.Get(policy), call.Get(firmware), network.Read(call), call.Get(kernelArguments));
                if (call.Get(plain))
                    edit = edit.Network is null ? edit with { Network = new NodeNetwork() } : throw Failure.WrongUsage("--plain-network takes all network settings away, and others were given.", "Give either.");
                if (edit == new EditNode())
                    throw Failure.WrongUsage("Nothing was given to change.", "'conductor node edit --help' lists what can be.");
                using var conductor = call.Connect();
                call.Show(await conductor.EditNodeAsync(call.Require(name), edit, cancel), CliJson.Api.Node, NodeViews.Edited);
                return ExitCodes.Done;
            })
        {
            name,
            newName,
            mac,
            power,
            policy,
            firmware,
            network,
            plain,
            kernelArguments,
        };
    }

    public static Verb Remove()
    {
        var name = Name();
        return new Verb(
            "remove",
            "Forgets a node. The server itself stays as it is.",
            "conductor node remove r7",
            async (call, cancel) =>
            {
                using var conductor = call.Connect();
                await conductor.RemoveNodeAsync(call.Require(name), cancel);
                if (!call.WantsJson)
                    call.Out.Line($"Removed {call.Require(name)}; the server itself was not touched.");
                return ExitCodes.Done;
            })
        {
            name,
        };
    }
}
