using System.Text.Json;
using Baremetal.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Baremetal.Cli.Tests.Nodes;

public sealed class NodeCommandsTests
{
    [Fact]
    public async Task List_SeveralNodes_IsATableByName()
    {
        await using var conductor = await TestConductor.StartAsync(app => app.MapGet(Routes.Nodes, () =>
            TestConductor.Answer(new Page<Node>([Samples.Enrolled, Samples.Active, Samples.Failed], null), ApiJson.Default.PageNode)));

        Assert.Equal(
            """
            NAME   STATE      SINCE   MAC                 TRUST   IMAGE OR CAUSE
            r12    active     12d     52:54:00:12:34:56   C0/N1   debian-12:1
            r3     failed     42s     52:54:00:12:34:56   C0/N0   The agent has not been heard of for 60 s.
            r7     enrolled   5m      52:54:00:12:34:56   C0/N0   -

            """,
            (await conductor.RunAsync("node", "list")).Succeeded());
    }

    [Fact]
    public async Task List_OnATerminal_KeepsToEightyColumns()
    {
        await using var conductor = await TestConductor.StartAsync(app => app.MapGet(Routes.Nodes, () =>
            TestConductor.Answer(new Page<Node>([Samples.Failed], null), ApiJson.Default.PageNode)));

        var output = (await CommandRun.Of(conductor.Operator with { Terminal = true }, "node", "list")).Succeeded();

        Assert.Contains("The agent has not been hear…", output, StringComparison.Ordinal);
        Assert.All(output.Split('\n'), line => Assert.InRange(line.Length, 0, 80));
    }

    [Fact]
    public async Task List_SeveralPagesAsJson_IsOnePageOfAll()
    {
        await using var conductor = await TestConductor.StartAsync(app => app.MapGet(Routes.Nodes, (string? after) =>
            TestConductor.Answer(after is null ? new Page<Node>([Samples.Active], "r12") : new Page<Node>([Samples.Failed], null), ApiJson.Default.PageNode)));

        var page = JsonSerializer.Deserialize((await conductor.RunAsync("node", "list", "--output", "json")).Succeeded(), ApiJson.Default.PageNode);

        Assert.Equal(["r12", "r3"], page!.Items.Select(node => node.Name));
    }

    [Fact]
    public async Task Show_InspectedNode_HasItsInventoryAndNoEscapeSequenceOfIt()
    {
        await using var conductor = await TestConductor.StartAsync(app => app.MapGet(Routes.Node, (string node) => TestConductor.Answer(Samples.Active)));

        Assert.Equal(
            """
            Name:         r12
            Id:           019bc14e-0000-7000-8000-000000000007
            State:        active since 2026-01-03 12:00:00Z
            Image:        debian-12:1
            Address:      10.0.0.112
            MAC:          52:54:00:12:34:56
            Power:        redfish https://r7-bmc as admin
            Boot policy:  disk-first
            Trust:        C0/N1 (plain PXE; one-time PXE token)
            Agent:        0.1.0, enrolled 2026-01-03 12:00:00Z, last seen 2026-01-03 12:03:00Z
            Machine:      Supermicro AS-1115SV serial S432 12345678-1234-1234-1234-123456789abc
            Firmware:     uefi AMI 1.4
            Processor:    AMD EPYC 9354, x86_64, 1 socket, 32 cores, 64 threads
            Memory:       256 GiB

            DISK       SIZE       SECTOR   KIND     SERIAL     WWN                  MODEL
            /dev/sda   447 GiB    512      ssd      S6PXNA0T   0x5002538f02c0ffee   SAMSUNG MZ7L3480
            /dev/sdb   18.0 TiB   4096     hdd,ro   -          -                    evil ?[2J disk

            DISK       BYTES            BUS    BY-PATH
            /dev/sda   480103981056     sata   pci-0000:00:17.0-ata-1
            /dev/sdb   19791209299968   -      -

            INTERFACE   MAC                 LINK           DRIVER   BOOT   ADDRESSES
            eno1        52:54:00:12:34:56   25000 Mbit/s   ice      yes    10.0.0.112
            eno2        52:54:00:12:34:57   down           ice      no     -

            """,
            (await conductor.RunAsync("node", "show", "r12")).Succeeded());
    }

    [Fact]
    public async Task Show_PendingNode_HasWhatARuleCanBeWrittenFrom()
    {
        await using var conductor = await TestConductor.StartAsync(app => app.MapGet(Routes.Node, (string node) => TestConductor.Answer(
            Samples.Enrolled with { State = NodeState.Pending, Relay = "10.7.0.1", Circuit = "ge-0/0/17", Remote = "0x0006001b21aabbcc" })));

        Assert.Contains(
            """
            Relay:        10.7.0.1
            Circuit:      ge-0/0/17
            Remote:       0x0006001b21aabbcc

            """,
            (await conductor.RunAsync("node", "show", "r7")).Succeeded(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(404, ExitCodes.NotFound)]
    [InlineData(409, ExitCodes.Refused)]
    [InlineData(401, ExitCodes.Refused)]
    [InlineData(422, ExitCodes.Refused)]
    [InlineData(400, ExitCodes.WrongUsage)]
    public async Task Show_ConductorRefuses_HasItsWordsAndAnExitCodeOfItsOwn(int status, int code)
    {
        await using var conductor = await TestConductor.StartAsync(app => app.MapGet(Routes.Node, () => TestConductor.Refuse(status, "There is no node 'r9'.", "Enrol it.")));

        var run = await conductor.RunAsync("node", "show", "r9");

        Assert.Equal(code, run.ExitCode);
        Assert.Equal("error: There is no node 'r9'.\nhint:  Enrol it.\n", run.Error);
        Assert.Equal("", run.Output);
    }

    [Fact]
    public async Task Enrol_Redfish_SendsThePasswordOfTheFile()
    {
        EnrolNode? asked = null;
        await using var conductor = await TestConductor.StartAsync(app => app.MapPost(Routes.Nodes, async (HttpRequest request) =>
        {
            asked = await request.ReadFromJsonAsync(ApiJson.Default.EnrolNode);
            return TestConductor.Answer(Samples.Enrolled);
        }));
        var password = conductor.Folder.Write("password", " s3cret \n"u8);

        var output = (await conductor.RunAsync(
            "node", "enrol", "r7", "--mac", "52:54:00:12:34:56", "--redfish", "https://r7-bmc", "--redfish-user", "admin",
            "--redfish-password-file", password, "--boot-policy", "network-first", "--firmware", "uefi")).Succeeded();

        Assert.Equal(
            new EnrolNode("r7", "52:54:00:12:34:56", new PowerSettings("redfish", "https://r7-bmc", "admin", " s3cret "), BootPolicy.NetworkFirst, FirmwareMode.Uefi),
            asked);
        Assert.Contains("conductor node inspect r7 --wait", output, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ipmi://r8-bmc:6230")]
    [InlineData("ipmi://r8-bmc:6230?cipher=3", "--ipmi-cipher", "3")]
    public async Task Enrol_Ipmi_SendsAddressAndAccount(string address, params string[] more)
    {
        EnrolNode? asked = null;
        await using var conductor = await TestConductor.StartAsync(app => app.MapPost(Routes.Nodes, async (HttpRequest request) =>
        {
            asked = await request.ReadFromJsonAsync(ApiJson.Default.EnrolNode);
            return TestConductor.Answer(Samples.Enrolled);
        }));
        var password = conductor.Folder.Write("password", "s3cret\n"u8);

        (await conductor.RunAsync(["node", "enrol", "r8", "--mac", "m", "--ipmi", "r8-bmc:6230", "--ipmi-user", "admin", "--ipmi-password-file", password, .. more])).Succeeded();

        Assert.Equal(new PowerSettings("ipmi", address, "admin", "s3cret"), asked!.Power);
    }

    [Fact]
    public async Task Enrol_Network_SendsItAndTheKernelsArguments()
    {
        EnrolNode? asked = null;
        await using var conductor = await TestConductor.StartAsync(app => app.MapPost(Routes.Nodes, async (HttpRequest request) =>
        {
            asked = await request.ReadFromJsonAsync(ApiJson.Default.EnrolNode);
            return TestConductor.Answer(Samples.Enrolled);
        }));

        (await conductor.RunAsync(
            "node", "enrol", "r7", "--mac", "m", "--power", "manual", "--vlan", "12", "--mtu", "9000", "--bond", "802.3ad:52:54:00:00:00:01,52:54:00:00:00:02",
            "--address", "10.0.12.5/24", "--gateway", "10.0.12.1", "--dns", "10.0.0.2,10.0.0.3", "--kernel-args", "console=ttyS1 quiet")).Succeeded();

        var network = asked!.Network!;
        Assert.Equal((12, 9000, "10.0.12.5/24", "10.0.12.1", "console=ttyS1 quiet"), (network.Vlan, network.Mtu, network.Address, network.Gateway, asked.KernelArguments));
        Assert.Equal("802.3ad", network.Bond!.Mode);
        Assert.Equal(["52:54:00:00:00:01", "52:54:00:00:00:02"], network.Bond.Macs);
        Assert.Equal(["10.0.0.2", "10.0.0.3"], network.Dns!);
    }

    [Fact]
    public async Task Edit_PlainNetwork_TakesAllNetworkSettingsAway()
    {
        EditNode? asked = null;
        await using var conductor = await TestConductor.StartAsync(app => app.MapPatch(Routes.Node, async (HttpRequest request) =>
        {
            asked = await request.ReadFromJsonAsync(ApiJson.Default.EditNode);
            return TestConductor.Answer(Samples.Active with { Network = new NodeNetwork(12, Bond: new NodeBond("802.3ad", ["a", "b"])) });
        }));

        var output = (await conductor.RunAsync("node", "edit", "r7", "--plain-network")).Succeeded();

        Assert.Equal(new EditNode(Network: new NodeNetwork()), asked);
        Assert.Matches("Network: +VLAN 12, bond 802.3ad of a and b, DHCP", output);
    }

    [Theory]
    [InlineData("is no bond", "--bond", "802.3ad")]
    [InlineData("Give either", "--vlan", "3", "--plain-network")]
    [InlineData("--vlan", "--vlan", "twelve")]
    public async Task Edit_NetworkUnclear_IsWrongUsage(string expected, params string[] options) =>
        Assert.Contains(expected, (await CommandRun.Of(["node", "edit", "r7", .. options])).EndedWith(ExitCodes.WrongUsage), StringComparison.Ordinal);

    [Fact]
    public async Task Enrol_PasswordFileIsDash_ReadsStandardInput()
    {
        EnrolNode? asked = null;
        await using var conductor = await TestConductor.StartAsync(app => app.MapPost(Routes.Nodes, async (HttpRequest request) =>
        {
            asked = await request.ReadFromJsonAsync(ApiJson.Default.EnrolNode);
            return TestConductor.Answer(Samples.Enrolled);
        }));

        (await CommandRun.Of(conductor.Operator with { Input = "s3cret\n" }, "node", "enrol", "r7", "--mac", "m", "--redfish", "https://b", "--redfish-user", "admin", "--redfish-password-file", "-")).Succeeded();

        Assert.Equal("s3cret", asked!.Power.Password);
        Assert.Null(asked.Firmware);
    }

    [Theory]
    [InlineData("Give one of --redfish URL, --ipmi HOST and --power manual|wake-on-lan")]
    [InlineData("Give one of --redfish URL, --ipmi HOST and --power manual|wake-on-lan", "--redfish", "https://b", "--power", "manual")]
    [InlineData("Give one of --redfish URL, --ipmi HOST and --power manual|wake-on-lan", "--redfish", "https://b", "--ipmi", "b")]
    [InlineData("Give one of --redfish URL, --ipmi HOST and --power manual|wake-on-lan", "--ipmi", "b", "--redfish-user", "admin")]
    [InlineData("Give one of --redfish URL, --ipmi HOST and --power manual|wake-on-lan", "--redfish", "https://b", "--ipmi-cipher", "3")]
    [InlineData("--redfish-user is given without --redfish-password-file. hint: Give --redfish-password-file FILE too", "--redfish", "https://b", "--redfish-user", "admin")]
    [InlineData("--redfish-password-file is given without --redfish-user. hint: Give --redfish-user NAME too", "--redfish", "https://b", "--redfish-password-file", "f")]
    [InlineData("--ipmi-user is given without --ipmi-password-file.", "--ipmi", "b", "--ipmi-user", "admin")]
    [InlineData("'0' not recognized", "--ipmi", "b", "--ipmi-cipher", "0")]
    [InlineData("'sideways' is none of disk-first, network-first", "--power", "manual", "--boot-policy", "sideways")]
    [InlineData("'efi' is none of bios, uefi", "--power", "manual", "--firmware", "efi")]
    public async Task Enrol_PowerOrWordsUnclear_IsWrongUsage(string expected, params string[] options)
    {
        var error = (await CommandRun.Of(["node", "enrol", "r7", "--mac", "m", .. options])).EndedWith(ExitCodes.WrongUsage);

        Assert.Contains(expected, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Power_WithTarget_SetsItAndShowsWhatTheMachineSays()
    {
        SetPower? asked = null;
        await using var conductor = await TestConductor.StartAsync(app =>
        {
            app.MapPost(Routes.NodePower, async (HttpRequest request) =>
            {
                asked = await request.ReadFromJsonAsync(ApiJson.Default.SetPower);
                return Results.NoContent();
            });
            app.MapGet(Routes.NodePower, () => TestConductor.Answer(new PowerReport(asked is null ? PowerState.Off : PowerState.On), ApiJson.Default.PowerReport));
        });

        Assert.Equal("r7 is off.\n", (await conductor.RunAsync("node", "power", "r7")).Succeeded());
        Assert.Equal("r7 is on.\n", (await conductor.RunAsync("node", "power", "r7", "cycle")).Succeeded());
        Assert.Equal(PowerTarget.Cycle, asked!.Target);
    }

    [Fact]
    public async Task ApproveAndRemove_KnownNode_SayWhatIsNext()
    {
        var removed = "";
        await using var conductor = await TestConductor.StartAsync(app =>
        {
            app.MapPost(Routes.NodeAction, (string node, string action) => TestConductor.Answer(Samples.Enrolled with { Name = node, State = action == "approve" ? NodeState.Available : NodeState.Failed }));
            app.MapDelete(Routes.Node, (string node) =>
            {
                removed = node;
                return Results.NoContent();
            });
        });

        Assert.Contains("r7 is available", (await conductor.RunAsync("node", "approve", "r7")).Succeeded(), StringComparison.Ordinal);
        (await conductor.RunAsync("node", "remove", "r7")).Succeeded();
        Assert.Equal("r7", removed);
    }

    [Fact]
    public async Task Show_WhileAJobWorks_SaysWhatItWaitsForAndWhatComesNext()
    {
        var work = new NodeWork(Samples.JobId, JobKind.Deploy, "write-image", CommandRun.Now.AddMinutes(-2), 2, "the agent to write and verify the image", ["set-boot-disk", "reboot"]);
        await using var conductor = await TestConductor.StartAsync(app => app.MapGet(Routes.Node, () =>
            TestConductor.Answer(Samples.Enrolled with { State = NodeState.Deploying, CurrentJob = Samples.JobId, Work = work, Protected = true, Maintenance = "new memory" })));

        var output = (await conductor.RunAsync("node", "show", "r7")).Succeeded();

        Assert.Contains(
            $"""
            Protected:    yes: neither written to nor removed
            Maintenance:  new memory
            Job:          deploy {Samples.JobId}
            Step:         write-image since 2026-01-15 11:58:00Z, attempt 2
            Waits for:    the agent to write and verify the image
            Then:         set-boot-disk, reboot

            """,
            output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_NodeInMaintenance_SaysWhy()
    {
        await using var conductor = await TestConductor.StartAsync(app => app.MapGet(Routes.Nodes, () =>
            TestConductor.Answer(new Page<Node>([Samples.Active with { Maintenance = "new memory" }], null), ApiJson.Default.PageNode)));

        Assert.Contains("maintenance: new memory", (await conductor.RunAsync("node", "list")).Succeeded(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_ProtectedNode_SaysSoBesideWhatItRuns()
    {
        await using var conductor = await TestConductor.StartAsync(app => app.MapGet(Routes.Nodes, () =>
            TestConductor.Answer(new Page<Node>([Samples.Active with { Protected = true }, Samples.Enrolled with { Protected = true }], null), ApiJson.Default.PageNode)));

        var output = (await conductor.RunAsync("node", "list")).Succeeded();

        Assert.Contains("C0/N1   protected; debian-12:1\n", output, StringComparison.Ordinal);
        Assert.Contains("C0/N0   protected\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Show_NodeThatToldNothing_HasTheFirmwareAsEnrolled()
    {
        await using var conductor = await TestConductor.StartAsync(app => app.MapGet(Routes.Node, () => TestConductor.Answer(Samples.Enrolled with { Firmware = FirmwareMode.Uefi })));

        Assert.Contains("Firmware:     uefi, as enrolled\n", (await conductor.RunAsync("node", "show", "r7")).Succeeded(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("r7 is active, as it is, and protected", NodeActions.Adopt, "adopt")]
    [InlineData("r7 is protected: it is neither written to nor removed until 'conductor node unprotect r7'", NodeActions.Protect, "protect")]
    [InlineData("r7 is not protected any more: it may be written to", NodeActions.Unprotect, "unprotect")]
    [InlineData("r7 is in maintenance (new memory): nothing is begun on it until 'conductor node maintenance r7 --end'", NodeActions.Maintenance, "maintenance", "--reason", "new memory")]
    [InlineData("r7 is out of maintenance", NodeActions.Unmaintenance, "maintenance", "--end")]
    public async Task Word_SaidOfANode_IsSentAndTheNodeShownAsItIsNow(string expected, string action, string verb, params string[] options)
    {
        string? asked = null;
        await using var conductor = await TestConductor.StartAsync(app => app.MapPost(Routes.NodeAction, async (string node, string action, HttpRequest request) =>
        {
            asked = action;
            var reason = action == NodeActions.Maintenance ? (await request.ReadFromJsonAsync(ApiJson.Default.BeginMaintenance))!.Reason : null;
            return TestConductor.Answer(Samples.Enrolled with { Name = node, State = NodeState.Active, Protected = action is NodeActions.Adopt or NodeActions.Protect, Maintenance = reason });
        }));

        var output = (await conductor.RunAsync(["node", verb, "r7", .. options])).Succeeded();

        Assert.Equal(action, asked);
        Assert.Contains(expected, string.Join(' ', output.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData]
    [InlineData("--end", "--reason", "both")]
    public async Task Maintenance_NeitherBegunNorEnded_IsWrongUsage(params string[] options) =>
        Assert.Contains("either --reason TEXT or --end", (await CommandRun.Of(["node", "maintenance", "r7", .. options])).EndedWith(ExitCodes.WrongUsage), StringComparison.Ordinal);

    [Theory]
    [InlineData("manual")]
    [InlineData("wake-on-lan")]
    public async Task Edit_SomeOfANode_SendsThatAndNothingElse(string driver)
    {
        EditNode? asked = null;
        await using var conductor = await TestConductor.StartAsync(app => app.MapPatch(Routes.Node, async (HttpRequest request) =>
        {
            asked = await request.ReadFromJsonAsync(ApiJson.Default.EditNode);
            return TestConductor.Answer(Samples.Enrolled);
        }));

        (await conductor.RunAsync("node", "edit", "r7", "--boot-policy", "network-first", "--power", driver)).Succeeded();

        Assert.Equal(new EditNode(Power: new PowerSettings(driver), BootPolicy: BootPolicy.NetworkFirst), asked);
    }

    [Theory]
    [InlineData("Nothing was given to change")]
    [InlineData("Give one of --redfish URL, --ipmi HOST and --power manual|wake-on-lan", "--redfish-user", "admin")]
    [InlineData("Give one of --redfish URL, --ipmi HOST and --power manual|wake-on-lan", "--power", "manual", "--redfish-password-file", "f")]
    [InlineData("repeat --redfish URL or --ipmi HOST with all of its options", "--redfish-password-file", "f")]
    [InlineData("--redfish-user is given without --redfish-password-file", "--redfish", "https://b", "--redfish-user", "admin")]
    public async Task Edit_OfNothingOrHalfAPowerController_IsWrongUsage(string expected, params string[] options) =>
        Assert.Contains(expected, (await CommandRun.Of(["node", "edit", "r7", .. options])).EndedWith(ExitCodes.WrongUsage), StringComparison.Ordinal);

    [Fact]
    public async Task Clean_WithSeveralDepths_SendsThemInTheirOrder()
    {
        var cleaning = Samples.Deploying with { Kind = JobKind.Clean, Deployment = null, Cleaning = new Cleaning(CleanDepth.Secure, null, null, [CleanDepth.Discard, CleanDepth.Zero]) };
        CleanNode? asked = null;
        await using var conductor = await TestConductor.StartAsync(app => app.MapPost(Routes.NodeAction, async (HttpRequest request) =>
        {
            asked = await request.ReadFromJsonAsync(ApiJson.Default.CleanNode);
            return TestConductor.Answer(cleaning, ApiJson.Default.Job);
        }));

        var output = (await conductor.RunAsync("node", "clean", "r7", "--depth", "secure,discard,zero")).Succeeded();

        Assert.Equal((CleanDepth.Secure, "Discard,Zero"), (asked!.Depth, string.Join(',', asked.Fallback!)));
        Assert.StartsWith("Erasing the disks of r7 (secure, else discard, else zero).\n", output, StringComparison.Ordinal);
        Assert.Contains("'shred' is none of metadata, discard, zero, secure.", (await CommandRun.Of(["node", "clean", "r7", "--depth", "secure,shred"])).EndedWith(ExitCodes.WrongUsage), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("clean", NodeActions.Clean)]
    [InlineData("release", NodeActions.Release)]
    public async Task CleanAndRelease_WithDepthAndDisk_AreSent(string verb, string action)
    {
        var cleaning = Samples.Deploying with { Kind = JobKind.Clean, Deployment = null, Cleaning = new Cleaning(CleanDepth.Zero, null, null) };
        (string Action, CleanNode? Ask) asked = default;
        await using var conductor = await TestConductor.StartAsync(app => app.MapPost(Routes.NodeAction, async (string action, HttpRequest request) =>
        {
            asked = (action, await request.ReadFromJsonAsync(ApiJson.Default.CleanNode));
            return TestConductor.Answer(cleaning, ApiJson.Default.Job);
        }));

        var output = (await conductor.RunAsync("node", verb, "r7", "--depth", "zero", "--disk", "serial=S1")).Succeeded();

        Assert.Equal((action, new CleanNode(CleanDepth.Zero, new RootDeviceHints(Serial: "S1"))), asked);
        Assert.StartsWith("Erasing the disks of r7 (zero).\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Clean_DiskThatIsNoHint_IsWrongUsageNamingTheOption() =>
        Assert.Contains("--disk 'sda' is no hint", (await CommandRun.Of("node", "clean", "r7", "--disk", "sda")).EndedWith(ExitCodes.WrongUsage), StringComparison.Ordinal);
}
