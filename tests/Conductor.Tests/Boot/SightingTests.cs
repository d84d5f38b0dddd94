using System.Net;
using Baremetal.Api;
using Baremetal.Conductor.Boot;
using Baremetal.Conductor.Events;
using Baremetal.Conductor.Tests.World;
using Baremetal.Netboot;
using Dapper;
using Microsoft.Extensions.DependencyInjection;

namespace Baremetal.Conductor.Tests.Boot;

/// <summary>What anybody on the network can make the conductor write down.</summary>
public sealed class SightingTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Sighting_DiskFullAtFirst_IsWrittenWhenItIsNotAndOnce()
    {
        FaultyDatabase? database = null;
        await using var site = await TestSite.StartAsync(database: real => database = new FaultyDatabase(real));
        var failures = 0;
        database!.Committing = tx =>
        {
            if (AddressOf(tx.Sql) is not null && ++failures <= 2)
                throw new IOException("the disk is full");
        };
        See(site, "10.0.0.10", ClientKind.Firmware);
        await Until.TrueAsync(() => Task.FromResult(database.Read(AddressOf) == "10.0.0.10"), "the address to be noted");
        See(site, "10.0.0.10", ClientKind.Firmware);
        See(site, "10.0.0.11", ClientKind.Firmware);
        await Until.TrueAsync(() => Task.FromResult(database.Read(AddressOf) == "10.0.0.11"), "the next address to be noted");
        Assert.Equal(["firmware (PXE) asks for an address: 10.0.0.10", "firmware (PXE) asks for an address: 10.0.0.11"], Told(site));
    }

    [Fact]
    public async Task Sightings_MoreThanABootMakes_AreNotedButNotAllTold()
    {
        await using var site = await TestSite.StartAsync();
        for (var number = 1; number <= 200; number++)
            See(site, $"10.0.0.{number}", ClientKind.Firmware);
        await Until.TrueAsync(async () => (await site.NodeAsync()).Address == "10.0.0.200", "the last address");
        Assert.Equal(SightingAllowance.MostInAWindow, Told(site).Count);

        site.Conductor.Clock.Jump(SightingAllowance.Window);
        See(site, "10.0.0.201", ClientKind.Firmware);
        await Until.TrueAsync(() => Task.FromResult(Told(site).Count > SightingAllowance.MostInAWindow), "a sighting of the next minute to be told");
    }

    [Fact]
    public async Task Script_FetchedByAFlood_IsRefusedAndTheMachinesTokenStillWorks()
    {
        await using var site = await TestSite.StartAsync();
        var job = await site.Conductor.Operator.InspectAsync("n1", None);
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, Conductor.Jobs.Steps.WaitForAgent);
        await site.Agent.FetchScriptAsync();
        using var stranger = new TestAgent(site.Conductor, TestSite.Mac);
        for (var fetch = 1; fetch < BootTokens.MostInAWindow; fetch++)
            await stranger.FetchScriptAsync();
        Assert.Equal(HttpStatusCode.TooManyRequests, (await Assert.ThrowsAsync<HttpRequestException>(() => stranger.FetchScriptAsync())).StatusCode);
        Assert.InRange(Told(site).Count, 1, SightingAllowance.MostInAWindow);

        site.Conductor.Clock.Jump(TimeSpan.FromMinutes(1));
        await stranger.FetchScriptAsync();
        await site.Agent.EnrolAsync();
        await site.Agent.BeatAsync();
    }

    private static void See(TestSite site, string address, ClientKind kind)
    {
        Assert.True(MacAddress.TryParse(TestSite.Mac, out var mac));
        site.Conductor.Services.GetRequiredService<IBootPolicy>().Seen(new Sighting(mac, IPAddress.Parse(address), kind, null));
    }

    private static string? AddressOf(System.Data.IDbConnection sql) => sql.QuerySingleOrDefault<string>("SELECT address FROM nodes WHERE name = 'n1'");

    private static List<string?> Told(TestSite site) =>
        [.. site.Conductor.Database.Read(sql => EventLog.After(sql, 0, null, 1000)).Where(one => one.Kind == EventKinds.NodeSeen).Select(one => one.Text)];
}
