using System.Text;
using System.Text.Json;
using Baremetal.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Baremetal.Cli.Tests.Nodes;

public sealed class ImportCommandTests
{
    private const string Yaml =
        """
        # rack 7
        - name: r7
          mac: 52:54:00:12:34:56
          redfish: https://r7-bmc
          redfish-user: admin
          redfish-password-file: bmc.password
          boot-policy: network-first
        - {name: r8, mac: "52:54:00:12:34:57", power: manual}
        """;

    private const string Csv =
        """
        name,mac,redfish,redfish-user,redfish-password-file,power,boot-policy
        r7,52:54:00:12:34:56,https://r7-bmc,admin,bmc.password,,network-first

        r8,52:54:00:12:34:57,,,,manual,
        """;

    private static readonly EnrolNode R7 = new("r7", "52:54:00:12:34:56", new PowerSettings("redfish", "https://r7-bmc", "admin", "s3cret"), BootPolicy.NetworkFirst);
    private static readonly EnrolNode R8 = new("r8", "52:54:00:12:34:57", new PowerSettings("manual"));

    private readonly List<EnrolNode> _asked = [];

    [Theory]
    [InlineData("rack.yaml", Yaml, 2, 8)]
    [InlineData("rack.csv", Csv, 2, 4)]
    public async Task Import_AList_ChecksAllThenEnrolsAll(string name, string text, int first, int second)
    {
        await using var conductor = await StartAsync();
        var file = conductor.Folder.Write(name, Encoding.UTF8.GetBytes(text));

        var output = (await conductor.RunAsync("node", "import", file)).Succeeded();

        Assert.Equal([R7 with { DryRun = true }, R8 with { DryRun = true }, R7, R8], _asked);
        Assert.Equal(
            $"""
            LINE   NAME   MAC                 RESULT
            {first}      r7     52:54:00:12:34:56   enrolled
            {second}      r8     52:54:00:12:34:57   enrolled
            Next, see what they are: conductor node inspect NAME

            """,
            output);
    }

    [Fact]
    public async Task Import_DryRun_EnrolsNoneAndSaysWhatIsKnownAlready()
    {
        await using var conductor = await StartAsync(known: Samples.Enrolled with { BootPolicy = BootPolicy.NetworkFirst });
        var file = conductor.Folder.Write("rack.yaml", Encoding.UTF8.GetBytes(Yaml));

        var output = (await conductor.RunAsync("node", "import", file, "--dry-run")).Succeeded();

        Assert.All(_asked, ask => Assert.True(ask.DryRun));
        Assert.Contains("r7     52:54:00:12:34:56   known already; password not compared\n", output, StringComparison.Ordinal);
        Assert.Contains("r8     52:54:00:12:34:57   can be enrolled\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Import_OneThatIsRefused_EnrolsNoneAndNamesItsLine()
    {
        await using var conductor = await StartAsync(known: Samples.Enrolled with { Mac = "52:54:00:99:99:99" });
        var file = conductor.Folder.Write("rack.csv", Encoding.UTF8.GetBytes(Csv));

        var error = (await conductor.RunAsync("node", "import", file)).EndedWith(ExitCodes.Refused);

        Assert.Contains("1 of 2 nodes cannot be enrolled, so none was. Line 2: There is already a node 'r7'.", error, StringComparison.Ordinal);
        Assert.All(_asked, ask => Assert.True(ask.DryRun));
    }

    [Fact]
    public async Task Import_AsJson_IsThePageOfItsNodes()
    {
        await using var conductor = await StartAsync();
        var file = conductor.Folder.Write("rack.yml", Encoding.UTF8.GetBytes(Yaml));

        var page = JsonSerializer.Deserialize((await conductor.RunAsync("node", "import", file, "--output", "json")).Succeeded(), ApiJson.Default.PageNode);

        Assert.Equal(["r7", "r8"], page!.Items.Select(node => node.Name));
    }

    [Theory]
    [InlineData("a.yaml", "- name: r7\n  mac: m\n  powr: manual\n- mac: n\n", ExitCodes.WrongUsage, "has 2 faults. Line 1: There is no word 'powr'. Is power meant? Line 4: The node has no name. hint: Nothing was enrolled. The words are name, mac, redfish,")]
    [InlineData("a.yaml", "- {name: r7, mac: m, power: manual, mtu: abc}", ExitCodes.WrongUsage, "Line 1: --mtu is 'abc'; it is a whole number. hint: Nothing was enrolled.")]
    [InlineData("a.csv", "name,mac,powr,x\nr1,a,manual,y\nr2,b,manual,y\nr3,c,manual,y\nr4,d,manual,y\nr5,e,manual,y\n", ExitCodes.WrongUsage, "has 2 faults. Lines 2, 3, 4 and 2 more: There is no word 'powr'. Is power meant? Lines 2, 3, 4 and 2 more: There is no word 'x'. hint:")]
    [InlineData("a.csv", "r7,52:54:00:12:34:56,manual\n", ExitCodes.Refused, "Line 1 of", "names no column 'name' and none 'mac'.", "such as: name,mac,redfish,")]
    [InlineData("a.csv", "name;power\nr7;manual\n", ExitCodes.Refused, "Line 1 of", "names no column 'mac'.")]
    [InlineData("a.csv", "name;mac;power\nr7;m\n", ExitCodes.Refused, "Line 2 of", "has 2 fields; the first line has 3", "A ';' inside of a value")]
    [InlineData("a.yaml", "- {name: r7, mac: m, power: manual}\n- {name: R7, mac: m, power: manual}", ExitCodes.WrongUsage, "Lines 1 and 2 have the name r7. Lines 1 and 2 have the MAC m.")]
    [InlineData("a.yaml", "- {name: r7, mac: m}", ExitCodes.WrongUsage, "Line 1: How the server is switched on is not clear.")]
    [InlineData("a.yaml", "- {name: r7, mac: m, power: manual, boot-policy: sideways}", ExitCodes.WrongUsage, "Line 1: 'sideways' is none of disk-first, network-first.")]
    [InlineData("a.yaml", "- {name: --help, power: manual}", ExitCodes.WrongUsage, "Line 1: ")]
    [InlineData("a.yaml", "nodes:\n- r7", ExitCodes.Refused, "Line 1 of", "is not a list of nodes")]
    [InlineData("a.yaml", "- name: [r7]", ExitCodes.Refused, "is not a plain value for 'name'")]
    [InlineData("a.yaml", "- &a {name: r7}\n- *a", ExitCodes.Refused, "Line 2 of", "is not a node's words and values")]
    [InlineData("a.yaml", "- {name: r7, name: r8}", ExitCodes.Refused, "says 'name' twice of one node")]
    [InlineData("a.yaml", "- {name: r7", ExitCodes.Refused, "is no YAML")]
    [InlineData("a.yaml", "# nothing", ExitCodes.Refused, "lists no node")]
    [InlineData("a.csv", "name,mac,power\nr7,m\n", ExitCodes.Refused, "Line 2 of", "has 2 fields; the first line has 3")]
    [InlineData("a.csv", "name,mac\n\"r7,m\n", ExitCodes.Refused, "Line 2 of", "is no CSV")]
    [InlineData("a.csv", "name,mac\n", ExitCodes.Refused, "lists no node")]
    [InlineData("a.txt", "r7", ExitCodes.WrongUsage, "is neither .yaml nor .csv")]
    public async Task Import_OfAListWithFaults_NamesThemAllAndAsksNobody(string name, string text, int exitCode, params string[] causes)
    {
        await using var conductor = await StartAsync();
        var file = conductor.Folder.Write(name, Encoding.UTF8.GetBytes(text));

        var error = (await conductor.RunAsync("node", "import", file)).EndedWith(exitCode);

        Assert.All(causes, cause => Assert.Contains(cause, error, StringComparison.Ordinal));
        Assert.Empty(_asked);
    }

    [Fact]
    public async Task Import_WithFaults_HasALineForEach()
    {
        await using var conductor = await StartAsync();
        var file = conductor.Folder.Write("rack.yaml", "- {name: r7, powr: manual}\n- {mac: n, power: manual}\n- {name: r9, rack: 7}"u8);

        var lines = (await conductor.RunAsync("node", "import", file)).Error.Split('\n');

        Assert.Equal(
            [
                $"error: {file} has 3 faults.",
                "       Line 1: There is no word 'powr'. Is power meant?",
                "       Line 2: The node has no name.",
                "       Line 3: There is no word 'rack'.",
            ],
            lines[..4]);
        Assert.StartsWith("hint:  Nothing was enrolled. The words are name, mac,", lines[4], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Import_CsvOfASpreadsheet_IsReadAsItWasMeant()
    {
        await using var conductor = await StartAsync();
        var text = "\ufeffname;mac;power;bond\r\nr7;52:54:00:12:34:56;manual;802.3ad:52:54:00:00:00:01,52:54:00:00:00:02\r\n;;;\r\n";
        var file = conductor.Folder.Write("rack.csv", Encoding.UTF8.GetBytes(text));

        (await conductor.RunAsync("node", "import", file)).Succeeded();

        var asked = _asked[^1];
        Assert.Equal(("r7", "52:54:00:12:34:56", "manual"), (asked.Name, asked.Mac, asked.Power.Driver));
        Assert.Equal(["52:54:00:00:00:01", "52:54:00:00:00:02"], asked.Network!.Bond!.Macs);
        Assert.Equal(2, _asked.Count);
    }

    [Fact]
    public async Task Import_PasswordFileThatIsMissing_IsNamedWholeBesideTheList()
    {
        await using var conductor = await StartAsync();
        var file = conductor.Folder.Write("rack.yaml", Encoding.UTF8.GetBytes(Yaml));
        File.Delete(conductor.Folder["bmc.password"]);

        var error = (await conductor.RunAsync("node", "import", file)).EndedWith(ExitCodes.WrongUsage);

        Assert.Contains($"Line 2: The password file {conductor.Folder["bmc.password"]} does not exist.", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("firmware: uefi", "firmware uefi, here none", "--firmware uefi")]
    [InlineData("boot-policy: network-first", "boot-policy network-first, here disk-first", "--boot-policy network-first")]
    [InlineData("vlan: 12\n  mtu: 9000", "vlan 12, here none; mtu 9000, here 1500", "--vlan 12 --mtu 9000")]
    [InlineData("kernel-args: quiet  console=ttyS1", "kernel-args quiet console=ttyS1, here none", "--kernel-args 'quiet  console=ttyS1'")]
    public async Task Import_OneThatIsKnownOtherwise_SaysWhatDiffersAndTheCommand(string words, string differs, string options)
    {
        await using var conductor = await StartAsync(known: Samples.Enrolled with { Network = new NodeNetwork(Mtu: 1500) });
        var file = conductor.Folder.Write("rack.yaml", Encoding.UTF8.GetBytes($"- name: r7\n  mac: 52:54:00:12:34:56\n  redfish: https://r7-bmc\n  {words}\n"));

        var output = (await conductor.RunAsync("node", "import", file)).Succeeded();

        Assert.Contains($"r7     52:54:00:12:34:56   differs: {differs}\n", output, StringComparison.Ordinal);
        Assert.Contains($"\n  conductor node edit r7 {options}\n", output, StringComparison.Ordinal);
        Assert.All(_asked, ask => Assert.True(ask.DryRun));
    }

    [Fact]
    public async Task Import_OneWhoseControllerIsKnownOtherwise_GivesAllOfItsOptions()
    {
        await using var conductor = await StartAsync(known: Samples.Enrolled with { BootPolicy = BootPolicy.NetworkFirst });
        var file = conductor.Folder.Write("rack.yaml", Encoding.UTF8.GetBytes(Yaml.Replace("https://r7-bmc", "https://r7-new", StringComparison.Ordinal)));

        var run = await conductor.RunAsync("node", "import", file, "--output", "json");

        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.Contains("warning: Line 2: r7 differs: redfish https://r7-new, here https://r7-bmc; password not compared.\n", run.Error, StringComparison.Ordinal);
        Assert.Contains($"'conductor node edit r7 --redfish https://r7-new --redfish-user admin --redfish-password-file {conductor.Folder["bmc.password"]}'", run.Error, StringComparison.Ordinal);
    }

    private async Task<TestConductor> StartAsync(Node? known = null)
    {
        var conductor = await TestConductor.StartAsync(app => MapNodes(app, known));
        conductor.Folder.Write("bmc.password", "s3cret\n"u8);
        return conductor;
    }

    private void MapNodes(WebApplication app, Node? known)
    {
        app.MapPost(Routes.Nodes, async (HttpRequest request) =>
        {
            var ask = (await request.ReadFromJsonAsync(ApiJson.Default.EnrolNode))!;
            _asked.Add(ask);
            return ask.Name == known?.Name
                ? TestConductor.Refuse(409, $"There is already a node '{known.Name}'.", "Choose another name.")
                : TestConductor.Answer(Samples.Enrolled with { Name = ask.Name, Mac = ask.Mac });
        });
        app.MapGet(Routes.Node, () => TestConductor.Answer((known ?? Samples.Enrolled) with { Power = new PowerSettings("redfish", "https://r7-bmc", "admin") }));
    }
}
