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
          boot-policy: network-first
        - {name: r8, mac: "52:54:00:12:34:57", power: manual}
        """;

    private const string Csv =
        """
        name,mac,redfish,redfish-user,power,boot-policy
        r7,52:54:00:12:34:56,https://r7-bmc,admin,,network-first

        r8,52:54:00:12:34:57,,,manual,
        """;

    private static readonly EnrolNode R7 = new("r7", "52:54:00:12:34:56", new PowerSettings("redfish", "https://r7-bmc", "admin"), BootPolicy.NetworkFirst);
    private static readonly EnrolNode R8 = new("r8", "52:54:00:12:34:57", new PowerSettings("manual"));

    private readonly List<EnrolNode> _asked = [];

    [Theory]
    [InlineData("rack.yaml", Yaml, 2, 7)]
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
        await using var conductor = await StartAsync(known: Samples.Enrolled);
        var file = conductor.Folder.Write("rack.yaml", Encoding.UTF8.GetBytes(Yaml));

        var output = (await conductor.RunAsync("node", "import", file, "--dry-run")).Succeeded();

        Assert.All(_asked, ask => Assert.True(ask.DryRun));
        Assert.Contains("r7     52:54:00:12:34:56   known already\n", output, StringComparison.Ordinal);
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
    [InlineData("a.yaml", "- name: r7\n  mac: m\n  powr: manual\n- mac: n\n", ExitCodes.WrongUsage, "has 2 faults. Line 1: There is no word 'powr'. The words are name, mac, redfish,", "Line 4: The node has no name.")]
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

    private Task<TestConductor> StartAsync(Node? known = null) => TestConductor.StartAsync(app =>
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
    });
}
