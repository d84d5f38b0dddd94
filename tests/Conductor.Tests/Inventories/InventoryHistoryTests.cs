using System.Text.Json;
using Baremetal.Api;
using Baremetal.Conductor.Boot;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Events;
using Baremetal.Conductor.Inventories;
using Baremetal.Conductor.Settings;
using Baremetal.Conductor.Tests.Access;
using Baremetal.Conductor.Tests.World;
using Baremetal.Support;
using Dapper;
using Microsoft.Extensions.Logging.Abstractions;

namespace Baremetal.Conductor.Tests.Inventories;

/// <summary>Which of the inventories that agents tell are kept, and who hears of a change.</summary>
public sealed class InventoryHistoryTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    private static readonly Inventory Machine = TestAgent.Machine() with { MemoryBytes = 64L << 30, NetworkInterfaces = [Card("10.0.0.5")] };

    private static readonly Inventory OtherDisk = Machine with { Disks = [TestAgent.OneDisk with { Serial = "disk-2" }] };

    [Fact]
    public async Task Inspect_TheSameHardware_IsOneInventoryThatWasTrueForLonger()
    {
        await using var site = await TestSite.StartAsync();
        await InspectAsync(site, Machine);
        var first = Assert.Single(await HistoryAsync(site));
        site.Conductor.Clock.Jump(TimeSpan.FromDays(1));

        await InspectAsync(site, Machine with { NetworkInterfaces = [Card("10.0.0.99")] });

        var kept = Assert.Single(await HistoryAsync(site));
        Assert.Equal((1, first.FirstSeen, first.BootId, "test", null), (kept.Number, kept.FirstSeen, kept.BootId, kept.AgentVersion, kept.Since));
        Assert.True(kept.LastSeen >= first.LastSeen + TimeSpan.FromDays(1), $"{kept}");
        Assert.Empty(kept.Changes);
        var whole = await site.Conductor.Operator.GetInventoryAsync("n1", 1, null, None);
        Assert.Equal("10.0.0.99", whole.Inventory!.NetworkInterfaces[0].Addresses[0]);
        Assert.Empty(HardwareEvents(site));
    }

    [Fact]
    public async Task Inspect_OtherHardware_IsKeptBesideTheFirstAndToldToFollowersAndTheLog()
    {
        await using var site = await TestSite.StartAsync();
        await InspectAsync(site, Machine);
        var boot = site.Agent.Identity!.BootId;

        var job = await InspectAsync(site, OtherDisk);
        await InspectAsync(site, OtherDisk with { MemoryBytes = 32L << 30 });

        var history = await HistoryAsync(site);
        Assert.Equal([(3, 2), (2, 1), (1, (int?)null)], history.Select(kept => (kept.Number, kept.Since)));
        Assert.Equal(["memory 64.0 GiB → 32.0 GiB"], Texts(history[0]));
        Assert.Equal(["disk serial disk-1 (ssd, 8.0 GiB, virtio) is gone", "disk serial disk-2 (ssd, 8.0 GiB, virtio) is new"], Texts(history[1]));
        Assert.Equal(boot, history[2].BootId);
        Assert.All(history, kept => Assert.Null(kept.Inventory));

        var since = await site.Conductor.Operator.GetInventoryAsync("n1", 3, since: 1, None);
        Assert.Equal([.. Texts(history[0]), .. Texts(history[1])], Texts(since));
        Assert.Equal("disk-1", (await site.Conductor.Operator.GetInventoryAsync("n1", 1, null, None)).Inventory!.Disks[0].Serial);
        Assert.Empty((await site.Conductor.Operator.GetInventoryAsync("n1", 2, since: 2, None)).Changes);

        var told = await site.Conductor.Operator.FollowJobAsync(job.Id, cancel: None).SingleAsync(one => one.Kind == EventKinds.NodeHardware, None);
        Assert.Equal((job.Id, "hardware changed: disk serial disk-1 (ssd, 8.0 GiB, virtio) is gone; disk serial disk-2 (ssd, 8.0 GiB, virtio) is new"), (told.Job, told.Text));
        Assert.Contains(site.Conductor.Log, line => line.Contains("Node n1: its hardware changed since it was inspected last: disk serial disk-1", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Event_OfVeryManyChanges_TellsSomeAndHowManyMore()
    {
        await using var site = await TestSite.StartAsync();
        await InspectAsync(site, Machine);

        await InspectAsync(site, Machine with { Disks = [.. Enumerable.Range(0, 400).Select(number => TestAgent.OneDisk with { Name = $"vd{number}", Serial = $"new-{number}" })] });

        var kept = (await HistoryAsync(site))[0];
        Assert.Equal((KeptInventory.MostChanges, 401 - KeptInventory.MostChanges), (kept.Changes.Length, kept.MoreChanges));
        Assert.EndsWith("; and 396 more", Assert.Single(HardwareEvents(site)).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task History_BeyondItsLimit_KeepsTheFirstAndTheNewest()
    {
        await using var site = await TestSite.StartAsync();
        await InspectAsync(site, Machine);
        for (var told = 2; told <= InventoryHistory.Most + 10; told++)
        {
            ForgetBoots(site);
            await site.Agent.TellInventoryAsync(Serial($"disk-{told}"));
        }

        var history = await HistoryAsync(site);

        Assert.Equal([.. Enumerable.Range(12, InventoryHistory.Most - 1).Reverse(), 1], history.Select(kept => kept.Number));
        Assert.Equal(1, history[^2].Since);
        Assert.Equal("disk serial disk-1 (ssd, 8.0 GiB, virtio) is gone", Texts(history[^2])[0]);
        var gone = await Assert.ThrowsAsync<ProblemException>(() => site.Conductor.Operator.GetInventoryAsync("n1", 11, null, None));
        Assert.Equal((404, "There is no inventory of node n1 '11'."), (gone.Problem.Status, gone.Problem.Title));
        Assert.Contains("node inventory n1 --history", gone.Problem.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Events_OfAMachineThatIsAnotherEachTime_EndAtThirtyAMinute()
    {
        await using var site = await TestSite.StartAsync();
        await InspectAsync(site, Machine);
        var clock = new ManualClock();
        var history = new InventoryHistory(new SightingAllowance(clock, NullLogger<SightingAllowance>.Instance), NullLogger<InventoryHistory>.Instance);
        var node = (await site.NodeAsync()).Id;

        for (var told = 2; told <= 100; told++)
        {
            ForgetBoots(site);
            site.Conductor.Database.Write(tx => history.Keep(tx, node, Serial($"disk-{told}")));
        }

        Assert.Equal(SightingAllowance.MostInAWindow, HardwareEvents(site).Length);
        clock.Advance(SightingAllowance.Window);
        ForgetBoots(site);
        site.Conductor.Database.Write(tx => history.Keep(tx, node, Machine));
        Assert.Equal(SightingAllowance.MostInAWindow + 1, HardwareEvents(site).Length);
    }

    [Fact]
    public async Task History_OfVeryLargeInventories_IsBoundedByTheirSize()
    {
        await using var site = await TestSite.StartAsync();
        await InspectAsync(site, Machine);
        for (var told = 2; told <= 8; told++)
        {
            ForgetBoots(site);
            await site.Agent.TellInventoryAsync(Serial($"disk-{told}") with { Processor = Machine.Processor with { Model = new string('x', 900_000) } });
        }

        Assert.Equal([8, 7, 1], (await HistoryAsync(site)).Select(kept => kept.Number));
    }

    [Fact]
    public async Task History_OfAnAgentThatTellsAnotherMachineEachTime_KeepsWhatWasBeforeIt()
    {
        await using var site = await TestSite.StartAsync();
        await InspectAsync(site, Machine);
        ForgetBoots(site);
        for (var told = 2; told <= 40; told++)
            await site.Agent.TellInventoryAsync(Serial($"disk-{told}"));

        var history = await HistoryAsync(site);

        Assert.Equal(1 + InventoryHistory.MostOfABoot, history.Length);
        Assert.Equal((1, "disk serial disk-40 (ssd, 8.0 GiB, virtio) is new"), (history[^1].Number, Texts(history[0]).Single(text => text.Contains("disk-40", StringComparison.Ordinal))));
    }

    [Fact]
    public async Task Inventory_ThatIsStoredAsFarMoreThanItCameAs_IsRefused()
    {
        await using var site = await TestSite.StartAsync();
        await InspectAsync(site, Machine);

        var refusal = await Assert.ThrowsAnyAsync<Exception>(() => site.Agent.TellAsync(
            Routes.AgentInventory, JsonSerializer.Serialize(Machine with { Processor = Machine.Processor with { Model = "MODEL" } }, ApiJson.Default.Inventory).Replace("MODEL", new string('<', 500_000), StringComparison.Ordinal)));

        Assert.Contains("; it may have 1048576.", refusal.Message, StringComparison.Ordinal);
        Assert.Single(await HistoryAsync(site));
    }

    [Fact]
    public async Task History_InPages_ComparesAcrossTheirEdges()
    {
        await using var site = await TestSite.StartAsync();
        await InspectAsync(site, Machine);
        foreach (var serial in new[] { "disk-2", "disk-3", "disk-4" })
            await site.Agent.TellInventoryAsync(Serial(serial));

        var first = await site.Conductor.SendAsync(new HttpRequestMessage(HttpMethod.Get, "/v1/nodes/n1/inventories?limit=2"));
        var second = await site.Conductor.SendAsync(new HttpRequestMessage(HttpMethod.Get, $"/v1/nodes/n1/inventories?limit=2&after={first.GetProperty("next").GetString()}"));

        Assert.Equal([4, 3, 2, 1], first.GetProperty("items").EnumerateArray().Concat(second.GetProperty("items").EnumerateArray()).Select(kept => kept.GetProperty("number").GetInt32()));
        Assert.Equal((2, "removed", "disk"), (first.GetProperty("items")[1].GetProperty("since").GetInt32(), first.GetProperty("items")[1].GetProperty("changes")[0].GetProperty("kind").GetString(), first.GetProperty("items")[1].GetProperty("changes")[0].GetProperty("part").GetString()));
        Assert.False(second.TryGetProperty("next", out _));
    }

    [Theory]
    [InlineData("/v1/nodes/n1/inventories/first", 400, "number is 'first', which cannot be read.")]
    [InlineData("/v1/nodes/n1/inventories/1?since=2", 400, "Inventory 2 of node n1 is newer than 1.")]
    [InlineData("/v1/nodes/n1/inventories/1?since=0", 404, "There is no inventory of node n1 '0'.")]
    [InlineData("/v1/nodes/n2/inventories/1", 404, "There is no node 'n2'.")]
    [InlineData("/v1/nodes/n1/inventories?limit=0", 400, "limit is 0; it must be from 1 to 1000.")]
    public async Task Call_ThatNamesNoInventory_IsAProblemInWords(string path, int status, string title)
    {
        await using var site = await TestSite.StartAsync();
        await InspectAsync(site, Machine);
        var problem = await site.Conductor.SendAsync(new HttpRequestMessage(HttpMethod.Get, path));
        Assert.Equal((status, title), (problem.GetProperty("status").GetInt32(), problem.GetProperty("title").GetString()));
    }

    [Fact]
    public async Task Inventory_OfAMachineThatIsAnotherNode_IsNotKept()
    {
        await using var site = await TestSite.StartAsync();
        await InspectAsync(site, Machine with { System = Machine.System with { Serial = "S1" } });
        await site.Conductor.Operator.EnrolNodeAsync(new EnrolNode("n2", "52:54:00:00:00:02", new PowerSettings("manual")), None);
        var job = await site.Conductor.Operator.InspectAsync("n2", None);
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, Conductor.Jobs.Steps.WaitForAgent);
        using var twin = new TestAgent(site.Conductor, "52:54:00:00:00:02");

        await twin.BootAsync(OtherDisk with { System = Machine.System with { Serial = "S1" } });

        Assert.Empty(await site.Conductor.Operator.ListInventoriesAsync("n2", None).ToListAsync(None));
        Assert.Single(await HistoryAsync(site));
    }

    [Fact]
    public async Task PendingMachine_ThatTellsOtherHardware_MakesNoEventUntilItIsApproved()
    {
        const string mac = "52:54:00:0d:00:01";
        await using var site = await TestSite.StartAsync(settings => settings with { Discovery = new DiscoverySettings { Mode = DiscoveryMode.On } });
        using var agent = new TestAgent(site.Conductor, mac);
        await agent.BootAsync(Stranger("disk-7"));
        await agent.TellInventoryAsync(Stranger("disk-8"));
        Assert.Empty(HardwareEvents(site));

        await site.Conductor.Operator.ApproveAsync(mac, None);
        await agent.TellInventoryAsync(Stranger("disk-9"));

        Assert.StartsWith("hardware changed: disk serial disk-8", Assert.Single(HardwareEvents(site)).Text, StringComparison.Ordinal);
        // Of a machine that is pending the newest word is enough.
        Assert.Equal(2, await site.Conductor.Operator.ListInventoriesAsync(mac, None).CountAsync(None));
    }

    [Fact]
    public async Task Remove_OfANode_RemovesItsHistory()
    {
        await using var site = await TestSite.StartAsync();
        await InspectAsync(site, Machine);

        await site.Conductor.Operator.RemoveNodeAsync("n1", None);

        Assert.Equal(0, site.Conductor.Database.Read(sql => sql.QuerySingle<int>("SELECT count(*) FROM inventories")));
    }

    [Fact]
    public async Task Inventory_KeptByAnOlderConductor_IsTheFirstOfTheHistory()
    {
        await using var site = await TestSite.StartAsync();
        await InspectAsync(site, Machine);
        site.Conductor.Database.Write(tx => tx.Sql.Execute(ApiTests.ToTheFirstVersion));
        await site.Conductor.RestartAsync();
        var kept = Assert.Single(await HistoryAsync(site));
        Assert.Equal((1, site.Agent.Identity!.BootId), (kept.Number, kept.BootId));

        await InspectAsync(site, OtherDisk);

        Assert.Equal("disk serial disk-1 (ssd, 8.0 GiB, virtio) is gone", Texts((await HistoryAsync(site))[0])[0]);
    }

    [Fact]
    public async Task Version_OfAnAgentThatIsTooLong_IsRefused()
    {
        await using var site = await TestSite.StartAsync();
        using var body = new StringContent($$"""{"csr":"","token":"","macs":[],"agentVersion":"{{new string('9', 200)}}"}""", System.Text.Encoding.UTF8, "application/json");
        using var request = new HttpRequestMessage(HttpMethod.Post, Routes.AgentEnrol) { Content = body };
        Assert.Equal("The agent's version has 200 characters; it may have 128.", (await site.Conductor.SendAsync(request)).GetProperty("title").GetString());
    }

    // As if each had been told at a start of its own.
    private static void ForgetBoots(TestSite site) => site.Conductor.Database.Write(tx => tx.Sql.Execute("UPDATE inventories SET boot_id = 'boot-' || number"));

    private static async Task<Job> InspectAsync(TestSite site, Inventory inventory)
    {
        var job = await site.Conductor.Operator.InspectAsync("n1", None);
        await site.BootAgentAsync(job, inventory);
        return await Until.JobEndAsync(site.Conductor.Operator, job.Id);
    }

    private static async Task<KeptInventory[]> HistoryAsync(TestSite site) => await site.Conductor.Operator.ListInventoriesAsync("n1", None).ToArrayAsync(None);

    private static string[] Texts(KeptInventory kept) => Array.ConvertAll(kept.Changes, change => change.Text);

    private static Event[] HardwareEvents(TestSite site) =>
        [.. site.Conductor.Database.Read(sql => EventLog.After(sql, 0, job: null, int.MaxValue)).Where(one => one.Kind == EventKinds.NodeHardware)];

    // Of another card than n1 has.
    private static Inventory Stranger(string serial) => Serial(serial) with { NetworkInterfaces = [] };

    private static Inventory Serial(string serial) => Machine with { Disks = [TestAgent.OneDisk with { Serial = serial }] };

    private static NetworkInterface Card(string address) => new("eth0", TestSite.Mac, 1000, Carrier: true, "virtio_net", [address], Boot: true);
}
