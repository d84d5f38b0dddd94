using System.CommandLine;
using System.Text;
using Baremetal.Api;
using Baremetal.Cli.Jobs;

namespace Baremetal.Cli.Nodes;

/// <summary><c>conductor node …</c>: the servers that a conductor knows.</summary>
internal static class NodeCommands
{
    private const string Redfish = "redfish";
    public const string Manual = "manual";

    /// <summary>The argument that names a node, in every command that works on one.</summary>
    public static Argument<string> Name() => new("NODE") { Description = "Its name, its id, or a MAC address." };

    public static Verb List() => new(
        "list",
        "Shows all nodes: their state and since when, how well each side knows the other, and what runs on them.",
        "conductor node list",
        async (call, cancel) =>
        {
            using var conductor = call.Connect();
            var nodes = await conductor.ListNodesAsync(cancel).ToArrayAsync(cancel);
            call.Show(new Page<Node>(nodes, null), CliJson.Api.PageNode, (screen, page) => NodeViews.List(screen, page.Items, call.Now));
            return ExitCodes.Done;
        });

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
        var name = new Argument<string>("NAME") { Description = "What the node shall be called." };
        var mac = new Option<string>("--mac") { HelpName = "MAC", Required = true, Description = "The MAC address that it boots from the network with." };
        var redfish = new Option<string>("--redfish") { HelpName = "URL", Description = "Its Redfish service: https://BMC, or the path of one system there." };
        var user = new Option<string>("--redfish-user") { HelpName = "NAME", Description = "The account of the Redfish service." };
        var password = new Option<string>("--redfish-password-file") { HelpName = "FILE", Description = "Holds that account's password; - reads it from standard input." };
        var pin = new Option<string>("--redfish-tls-pin") { HelpName = "SHA256", Description = "The digest of the BMC's certificate (DER), if no authority vouches for it." };
        var power = new Option<string>("--power") { HelpName = "manual", Description = "For a server without a BMC: an operator presses its buttons." };
        power.AcceptOnlyFromAmong(Manual);
        var policy = new Option<BootPolicy>("--boot-policy") { HelpName = "disk-first|network-first", CustomParser = Word<BootPolicy>.Parse, Description = "What its firmware tries first; disk-first if not given." };
        var firmware = new Option<FirmwareMode?>("--firmware") { HelpName = "bios|uefi", CustomParser = Word<FirmwareMode>.ParseOptional, Description = "How it boots, if you know; inspection finds it." };
        return new Verb(
            "enrol",
            "Makes a server known: how it is recognised on the network, and how it is switched on. Nothing is started.",
            """
            conductor node enrol r7 --mac 52:54:00:12:34:56 --redfish https://r7-bmc \
              --redfish-user admin --redfish-password-file bmc.password
            """,
            async (call, cancel) =>
            {
                var settings = (call.Get(redfish), call.Get(power)) switch
                {
                    ({ } url, null) => new PowerSettings(Redfish, url, call.Get(user), Password(call, call.Get(password)), call.Get(pin)),
                    (null, Manual) => new PowerSettings(Manual),
                    _ => throw Failure.WrongUsage("How the server is switched on is not clear.", "Give either --redfish URL or --power manual."),
                };
                using var conductor = call.Connect();
                var node = await conductor.EnrolNodeAsync(new EnrolNode(call.Require(name), call.Require(mac), settings, call.Get(policy), call.Get(firmware)), cancel);
                call.Show(node, CliJson.Api.Node, NodeViews.Enrolled);
                return ExitCodes.Done;
            })
        {
            name,
            mac,
            redfish,
            user,
            password,
            pin,
            power,
            policy,
            firmware,
        };
    }

    public static Verb Inspect()
    {
        var name = Name();
        var wait = JobCommands.Wait();
        return new Verb(
            "inspect",
            "Boots a node's agent from the network and takes its inventory. Its disks are not touched.",
            "conductor node inspect r7 --wait",
            async (call, cancel) =>
            {
                using var follower = new JobFollower(call);
                var job = await follower.Conductor.InspectAsync(call.Require(name), cancel);
                return await follower.StartedAsync(job, call.Get(wait), cancel);
            })
        {
            name,
            wait,
        };
    }

    public static Verb Approve()
    {
        var name = Name();
        return new Verb(
            "approve",
            "Says that a node is the server you think it is, and may be written to. Look at its inventory first.",
            "conductor node approve r7",
            async (call, cancel) =>
            {
                using var conductor = call.Connect();
                call.Show(await conductor.ApproveAsync(call.Require(name), cancel), CliJson.Api.Node, NodeViews.Approved);
                return ExitCodes.Done;
            })
        {
            name,
        };
    }

    public static Verb Power()
    {
        var name = Name();
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

    private static string? Password(Invocation call, string? file) => file switch
    {
        null => null,
        "-" => call.Shell.In.ReadLine(),
        // One line as an editor leaves it; spaces may be part of a password, the line's end is not.
        _ => Encoding.UTF8.GetString(InputFile.Read(file, "password file", 4096)).TrimEnd('\r', '\n'),
    };
}
