using System.Text;
using Baremetal.Api;
using Baremetal.Conductor.Jobs;
using Baremetal.Conductor.Nodes;
using Baremetal.Conductor.Tests.World;
using Dapper;

namespace Baremetal.Conductor.Tests.Jobs;

public sealed class UserDataTemplateTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    private static readonly NodeRow Node = new()
    {
        Id = "id-1",
        Name = "r7",
        Mac = "52:54:00:12:34:56",
        PowerDriver = "manual",
        Address = "10.0.0.7",
        Inventory = TestAgent.Machine() with
        {
            NetworkInterfaces = [new("eth1", "52:54:00:00:00:02", null, true, null, [], Boot: false), new("eth0", "52:54:00:12:34:56", null, true, null, [], Boot: true)],
            System = new SystemIdentity("ACME", "Server 9 \"X\"", "S-1", Guid.Parse("77770000-0000-4000-8000-525400770001"), null, null),
        },
    };

    private static readonly Dictionary<string, string> Vars = new(StringComparer.Ordinal)
    {
        ["role"] = "web",
        ["motd"] = "line 1\nline 2: \\ \"$(reboot)\" # ü\u0007",
        ["empty"] = "",
        ["flag"] = "-rf",
        ["key"] = "a:",
    };

    [Theory]
    [InlineData("#cloud-config\nhostname: {{name}}.{{var.role}}\n", "#cloud-config\nhostname: r7.web\n")]
    [InlineData("{{hostname}} {{ mac }} {{macs}} {{serial}} {{uuid}} {{address}}", "web-1 52:54:00:12:34:56 52:54:00:12:34:56,52:54:00:00:00:02 S-1 77770000-0000-4000-8000-525400770001 10.0.0.7")]
    [InlineData("p: {{product | quoted}}", "p: \"Server 9 \\\"X\\\"\"")]
    [InlineData("m: {{var.motd|quoted}}", "m: \"line 1\\u000aline 2: \\\\ \\\"$(reboot)\\\" # ü\\u0007\"")]
    [InlineData("{{var.empty | quoted}}", "\"\"")]
    [InlineData("{{{{ ds.meta_data }} {x} }} {", "{{ ds.meta_data }} {x} }} {")]
    [InlineData("{{{{{{name}}", "{{r7")]
    [InlineData("#!/bin/sh\necho {{name}}\n", "#!/bin/sh\necho r7\n")]
    [InlineData("", "")]
    public void Template_ThatIsWhole_IsFilled(string template, string expected)
    {
        Assert.True(UserDataTemplate.TryRender(template, Node, "web-1", Vars, out var rendered, out var rejection), rejection?.ToString());
        Assert.Equal(expected, rendered);
    }

    [Theory]
    [InlineData("a\n{{rack}}", "Line 2 of the user data: 'rack' is none of address, hostname, mac, macs, manufacturer, name, product, serial, uuid, var.empty,")]
    [InlineData("{{}}", "Line 1 of the user data: '' is none of")]
    [InlineData("{{Name}}", "'Name' is none of")]
    [InlineData("{{name | upper}}", "'upper' is no form of a value.")]
    [InlineData("a {{name", "Line 1 of the user data has '{{' without '}}' behind it.")]
    [InlineData("{{name\n}}", "has '{{' without '}}' behind it.")]
    [InlineData("{{name} }}", "has '{{' without '}}' behind it.")]
    [InlineData("{{product}}", "which might mean something else where it is put. In YAML write {{product | quoted}}")]
    [InlineData("{{var.motd}}", "'var.motd' is 'line 1")]
    [InlineData("{{var.empty}}", "which might mean something else")]
    [InlineData("{{var.flag}}", "which might mean something else")]
    [InlineData("{{var.key}}", "which might mean something else")]
    [InlineData("#!/bin/sh\necho {{var.motd | quoted}}", "is quoted as YAML is, and this is a script.")]
    public void Template_ThatIsNot_IsRefusedNamingTheLine(string template, string reason)
    {
        Assert.False(UserDataTemplate.TryRender(template, Node, "web-1", Vars, out _, out var rejection));
        Assert.Contains(reason, rejection.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Template_WithWhatTheNodeDoesNotHave_IsRefused()
    {
        Assert.False(UserDataTemplate.TryRender("{{serial}}", Node with { Inventory = null }, null, Vars, out _, out var rejection));
        Assert.Contains("the node does not have 'serial'", rejection.Cause, StringComparison.Ordinal);
        Assert.Contains("write {{var.serial}} in the file, and give --var serial=…", rejection.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deploy_WithATemplate_ShowsItFilledInTheDryRunAndKeepsNothingInTheClear()
    {
        await using var site = await TestSite.StartAvailableAsync();
        var ask = new DeployNode("debian", UserData: "#cloud-config\nx: {{name}}-{{var.secret | quoted}}\n", Template: new Dictionary<string, string> { ["secret"] = "hush 4711" });

        var plan = await site.DeployAsync(ask with { DryRun = true });
        var job = await site.DeployAsync(ask);
        var order = await site.OrderAsync();

        Assert.Equal("#cloud-config\nx: n1-\"hush 4711\"\n", plan.Deployment!.UserData);
        Assert.Null((await site.Conductor.Operator.GetJobAsync(job.Id, None)).Deployment!.UserData);
        Assert.Contains("n1-\"hush 4711\"", Encoding.UTF8.GetString(await site.Agent.FetchConfigDriveAsync(order.OrderId)), StringComparison.Ordinal);
        Assert.DoesNotContain("hush 4711", site.Conductor.Database.Read(sql => sql.QuerySingle<string>("SELECT spec || coalesce(hex(user_data), '') FROM jobs WHERE id = @Id", new { job.Id })), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{{rack}}", "rack")]
    [InlineData("{{var.A B}}", "A B")]
    public async Task Deploy_WithATemplateThatCannotBeFilled_StartsNothing(string template, string name)
    {
        await using var site = await TestSite.StartAvailableAsync();
        var problem = await Assert.ThrowsAsync<ProblemException>(() => site.DeployAsync(new DeployNode("debian", UserData: template, Template: new Dictionary<string, string>())));
        Assert.Contains($"'{(name == "rack" ? name : "var." + name)}' is none of address", problem.Message, StringComparison.Ordinal);
        Assert.Equal(NodeState.Available, (await site.NodeAsync()).State);
    }

    [Fact]
    public async Task Deploy_WithVariablesAndNoUserDataOrAName_IsRefused()
    {
        await using var site = await TestSite.StartAvailableAsync();
        var without = await Assert.ThrowsAsync<ProblemException>(() => site.DeployAsync(new DeployNode("debian", Template: new Dictionary<string, string>())));
        Assert.Contains("There is no user data to fill.", without.Message, StringComparison.Ordinal);
        var named = await Assert.ThrowsAsync<ProblemException>(() => site.DeployAsync(new DeployNode("debian", UserData: "x", Template: new Dictionary<string, string> { ["A B"] = "x" })));
        Assert.Contains("'A B' cannot be a variable's name.", named.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deploy_WithoutTemplate_HandsBracesOnAsTheyAre()
    {
        await using var site = await TestSite.StartAvailableAsync();
        await site.DeployAsync(new DeployNode("debian", UserData: "{{ ds.meta_data }} {{"));
        var order = await site.OrderAsync();
        Assert.Contains("{{ ds.meta_data }} {{", Encoding.UTF8.GetString(await site.Agent.FetchConfigDriveAsync(order.OrderId)), StringComparison.Ordinal);
    }
}
