using System.Net;
using Baremetal.Api;
using Baremetal.Conductor.Events;
using Baremetal.Conductor.Jobs;
using Baremetal.Conductor.Tests.World;
using Baremetal.Netboot;
using Microsoft.Extensions.DependencyInjection;

namespace Baremetal.Conductor.Tests.Events;

public sealed class EventTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task JobEvents_FromItsBeginningToItsEnd_AreInOrderAndEnd()
    {
        await using var site = await TestSite.StartAsync();
        var job = await site.Conductor.Operator.InspectAsync("n1", None);
        var seen = new List<Event>();
        var following = FollowAsync();
        await site.BootAgentAsync(job);
        await Until.DoneAsync(following, "the stream to end with the job");
        Assert.Equal(
            ["job.started", "step.started boot-from-network", "step.ended boot-from-network", "step.started wait-for-agent"],
            seen.Where(one => one.Kind is not EventKinds.NodeSeen and not EventKinds.NodeState).Select(one => $"{one.Kind} {one.Step}".Trim()).Take(4));
        Assert.Equal(seen.Select(one => one.Seq).Order(), seen.Select(one => one.Seq));
        Assert.All(seen, one => Assert.Equal(job.Id, one.Job));

        // Told to its end: 204 ends a follower's reconnecting.
        using var ask = new HttpRequestMessage(HttpMethod.Get, Routes.For(Routes.JobEvents, job.Id)) { Headers = { { "Last-Event-ID", $"{seen[^1].Seq}" } } };
        Assert.Equal(HttpStatusCode.NoContent, await site.Conductor.StatusAsync(ask));

        // From the middle on.
        var rest = new List<Event>();
        await foreach (var one in site.Conductor.Operator.FollowJobAsync(job.Id, seen[2].Seq, None))
            rest.Add(one);
        Assert.Equal(seen.Skip(3), rest);

        async Task<bool> FollowAsync()
        {
            await foreach (var one in site.Conductor.Operator.FollowJobAsync(job.Id, 0, None))
                seen.Add(one);
            return true;
        }
    }

    [Fact]
    public async Task JobEvents_NodeNetboots_TellEachPartOfItsBoot()
    {
        await using var site = await TestSite.StartAsync();
        var job = await site.Conductor.Operator.InspectAsync("n1", None);
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, Steps.WaitForAgent);
        var policy = site.Conductor.Services.GetRequiredService<IBootPolicy>();
        Assert.True(MacAddress.TryParse(TestSite.Mac, out var mac));

        policy.Seen(new Sighting(mac, IPAddress.Loopback, ClientKind.Firmware, null, "undionly.kpxe"));
        policy.Sent(IPAddress.Loopback, "undionly.kpxe");
        policy.Sent(IPAddress.Parse("10.0.0.99"), "undionly.kpxe");
        policy.Seen(new Sighting(mac, IPAddress.Loopback, ClientKind.Ipxe, null, "http://10.0.0.1:8080/boot/script?mac=00"));
        policy.Seen(new Sighting(mac, IPAddress.Loopback, ClientKind.Ipxe, null, "http://10.0.0.1:8080/boot/script?mac=00"));
        await site.Conductor.Plain.GetByteArrayAsync(Routes.BootKernel, None);
        await SeenAsync("kernel, by HTTP, fetched");
        await site.Conductor.Plain.GetByteArrayAsync(Routes.BootRamdisk, None);
        await SeenAsync("ramdisk, by HTTP, fetched");

        Assert.Equal(
            [
                "firmware (PXE) asks for an address: 127.0.0.1, then undionly.kpxe", "loader undionly.kpxe, by TFTP, fetched",
                "iPXE asks for an address: 127.0.0.1, then HTTP /boot/script", "kernel, by HTTP, fetched", "ramdisk, by HTTP, fetched",
            ],
            Seen());

        List<string?> Seen() => [.. site.Conductor.Database.Read(sql => EventLog.After(sql, 0, job.Id, 100)).Where(one => one.Kind == EventKinds.NodeSeen).Select(one => one.Text)];
        Task SeenAsync(string text) => Until.TrueAsync(() => Task.FromResult(Seen().Contains(text)), text);
    }

    [Fact]
    public async Task Progress_IsToldToThoseWhoListenAndNotStored()
    {
        await using var site = await TestSite.StartAvailableAsync();
        var job = await site.DeployAsync();
        var order = await site.OrderAsync();
        await using var events = site.Conductor.Operator.FollowJobAsync(job.Id, 0, None).GetAsyncEnumerator(None);
        Assert.True(await events.MoveNextAsync());
        var told = new Progress(10, 100, 5, 2.5, ProgressPhase.Writing, "wWZ.");
        var beating = Until.TrueAsync(
            async () =>
            {
                await site.Agent.BeatAsync(order.OrderId, OrderSteps.WriteImage, told);
                return (await site.Conductor.Operator.GetJobAsync(job.Id, None)).Finished is not null;
            },
            "the job's end");
        while (events.Current.Kind != EventKinds.Progress)
            Assert.True(await Until.DoneAsync(events.MoveNextAsync().AsTask(), "progress"));
        Assert.Equal((told, OrderSteps.WriteImage, 0L), (events.Current.Progress, events.Current.Step, events.Current.Seq));
        await site.Conductor.Operator.AbortJobAsync(job.Id, None);
        await beating;
        await foreach (var stored in site.Conductor.Operator.FollowJobAsync(job.Id, 0, None))
            Assert.NotEqual(EventKinds.Progress, stored.Kind);
    }

    [Theory]
    [InlineData("WW\e[2J")]
    [InlineData("WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW")]
    public async Task Progress_WithAMapThatIsNone_IsRefused(string map)
    {
        await using var site = await TestSite.StartAvailableAsync();
        _ = await site.DeployAsync();
        var order = await site.OrderAsync();

        var refused = await Assert.ThrowsAsync<ProblemException>(() => site.Agent.BeatAsync(order.OrderId, OrderSteps.WriteImage, new Progress(1, 2, 3, 4, ProgressPhase.Writing, map)));

        Assert.Contains($"a map of {map.Length} characters", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stream_ConductorStops_EndsAtOnce()
    {
        await using var site = await TestSite.StartAsync();
        await using var events = site.Conductor.Operator.FollowAsync(1, None).GetAsyncEnumerator(None);
        var next = events.MoveNextAsync().AsTask();
        await site.Conductor.Operator.InspectAsync("n1", None);
        Assert.True(await Until.DoneAsync(next, "an event"));
        await Until.DoneAsync(StopAsync(), "the stop, which an open stream must not hold up");

        async Task<bool> StopAsync()
        {
            await site.Conductor.RestartAsync();
            return true;
        }
    }
}
