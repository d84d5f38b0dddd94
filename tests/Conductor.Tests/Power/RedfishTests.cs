using System.Text.Json.Nodes;
using Baremetal.Api;
using Baremetal.Conductor.Power;
using Baremetal.Conductor.Tests.World;
using Microsoft.AspNetCore.Http;

namespace Baremetal.Conductor.Tests.Power;

public sealed class RedfishTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    private static RedfishDriver Driver(TestBmc bmc, string path = "", string password = TestBmc.Password) =>
        new(new RedfishAccess(new Uri(bmc.Url + path), TestBmc.User, password, null), new HastyClock(), _ => { });

    private static async Task<PowerException> FailureAsync(Func<Task> call) => await Assert.ThrowsAsync<PowerException>(call);

    [Fact]
    public async Task Power_OnOffCycleReset_IsInTheStateThatTheMachineSays()
    {
        await using var bmc = await TestBmc.StartAsync();
        var driver = Driver(bmc);
        Assert.Equal(PowerState.Off, await driver.GetStateAsync(None));
        await driver.SetAsync(PowerTarget.On, None);
        Assert.True(bmc.On);
        await driver.SetAsync(PowerTarget.On, None);
        Assert.Equal(1, bmc.Starts);
        await driver.SetAsync(PowerTarget.Cycle, None);
        await driver.SetAsync(PowerTarget.Reset, None);
        Assert.Equal((3, PowerState.On), (bmc.Starts, await driver.GetStateAsync(None)));
        await driver.SetAsync(PowerTarget.Off, None);
        Assert.False(bmc.On);
    }

    [Theory]
    [InlineData(FirmwareMode.Uefi, "UEFI")]
    [InlineData(FirmwareMode.Bios, "Legacy")]
    [InlineData(null, null)]
    public async Task BootFromNetwork_OffOrOn_StartsFromTheNetworkOnce(FirmwareMode? firmware, string? mode)
    {
        await using var bmc = await TestBmc.StartAsync();
        var starts = new List<bool>();
        bmc.Started = starts.Add;
        var driver = Driver(bmc);
        Assert.Null((await driver.BootFromNetworkAsync(new NetworkStart(firmware, BootPolicy.DiskFirst), None)).ByHand);
        Assert.NotNull((await driver.BootFromNetworkAsync(new NetworkStart(firmware, BootPolicy.DiskFirst), None)).OffAt);
        await driver.SetAsync(PowerTarget.Reset, None);
        Assert.Equal([true, true, false], starts);
        Assert.Equal(mode, bmc.OverrideMode);
    }

    [Fact]
    public async Task System_GivenByItsPath_IsUsedWhereSeveralAre()
    {
        await using var bmc = await TestBmc.StartAsync();
        bmc.Systems = 2;
        var failure = await FailureAsync(() => Driver(bmc).GetStateAsync(None));
        Assert.Contains("/redfish/v1/Systems/2", failure.Cause, StringComparison.Ordinal);
        Assert.False(failure.Again);
        Assert.Equal(PowerState.Off, await Driver(bmc, "/redfish/v1/Systems/2").GetStateAsync(None));
        bmc.Systems = 0;
        failure = await FailureAsync(() => Driver(bmc).GetStateAsync(None));
        Assert.Contains("lists no system", failure.Cause, StringComparison.Ordinal);
        Assert.True(failure.Again);
    }

    [Fact]
    public async Task Password_Wrong_FailsForGoodNamingTheUserOnly()
    {
        await using var bmc = await TestBmc.StartAsync();
        var failure = await FailureAsync(() => Driver(bmc, password: "hunter2").GetStateAsync(None));
        Assert.False(failure.Again);
        Assert.Contains(TestBmc.User, failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(302)]
    [InlineData(307)]
    [InlineData(404)]
    [InlineData(409)]
    [InlineData(429)]
    [InlineData(500)]
    [InlineData(503)]
    public async Task Controller_AnsweringWhatOneThatRestartsDoes_MayBeAskedAgain(int status)
    {
        await using var bmc = await TestBmc.StartAsync();
        await using var elsewhere = await TestBmc.StartAsync();
        var asked = 0;
        elsewhere.Fault = _ => Task.FromResult(++asked > 0);
        bmc.Fault = http =>
        {
            http.Response.StatusCode = status;
            http.Response.Headers.Location = elsewhere.Url + "/redfish/v1/Systems";
            return Task.FromResult(true);
        };
        var failure = await FailureAsync(() => Driver(bmc).GetStateAsync(None));
        Assert.True(failure.Again);
        Assert.Contains($"{status}", failure.Cause, StringComparison.Ordinal);
        Assert.Equal(0, asked);
    }

    [Theory]
    [InlineData("//{0}/redfish/v1/Systems/1")]
    [InlineData("http://{0}/redfish/v1/Systems/1")]
    [InlineData("redfish/v1/Systems/1")]
    [InlineData("/redfish/v1/../../admin")]
    [InlineData("")]
    public async Task Link_ThatLeadsOutOfTheService_IsNotFollowed(string link)
    {
        await using var bmc = await TestBmc.StartAsync();
        await using var elsewhere = await TestBmc.StartAsync();
        var strayed = 0;
        elsewhere.Fault = _ => Task.FromResult(++strayed > 0);
        var named = string.Format(System.Globalization.CultureInfo.InvariantCulture, link, new Uri(elsewhere.Url).Authority);
        bmc.Fault = async http =>
        {
            strayed += http.Request.Path.StartsWithSegments("/redfish/v1", StringComparison.Ordinal) ? 0 : 1;
            await http.Response.WriteAsJsonAsync(http.Request.Path.Value!.EndsWith("/Systems", StringComparison.Ordinal)
                ? new JsonObject { ["Members"] = new JsonArray(new JsonObject { ["@odata.id"] = named }) }
                : new JsonObject { ["PowerState"] = "Off", ["Actions"] = new JsonObject { ["#ComputerSystem.Reset"] = new JsonObject { ["target"] = named } } });
            return true;
        };
        foreach (var driver in new[] { Driver(bmc), Driver(bmc, "/redfish/v1/Systems/1") })
        {
            var failure = await FailureAsync(() => driver.SetAsync(PowerTarget.Reset, None));
            Assert.Contains($"it refers to '{named}'", failure.Cause, StringComparison.Ordinal);
        }
        Assert.Equal(0, strayed);
    }

    [Fact]
    public async Task Controller_ThatNeverAnswers_IsGivenUp()
    {
        await using var bmc = await TestBmc.StartAsync();
        bmc.Fault = async http =>
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, http.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return true;
        };
        var failure = await FailureAsync(() => Driver(bmc).GetStateAsync(None));
        Assert.True(failure.Again);
        Assert.Contains("did not answer", failure.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Controller_ThatIsNotThere_MayBeAskedAgain()
    {
        var bmc = await TestBmc.StartAsync();
        var driver = Driver(bmc);
        await bmc.DisposeAsync();
        Assert.True((await FailureAsync(() => driver.GetStateAsync(None))).Again);
    }

    [Fact]
    public async Task BootFromNetwork_OfAMachineThatSomebodySwitchesOnMeanwhile_IsNotTakenForStarted()
    {
        await using var bmc = await TestBmc.StartAsync();
        bmc.Fault = http =>
        {
            // It is off, and its override is on the way.
            if (http.Request.Method == "PATCH")
                bmc.PressButton();
            return Task.FromResult(false);
        };

        var failure = await FailureAsync(() => Driver(bmc).BootFromNetworkAsync(new NetworkStart(null, BootPolicy.DiskFirst), None));

        Assert.Contains("switched on by somebody else", failure.Cause, StringComparison.Ordinal);
        Assert.True(failure.Again);
        bmc.Fault = null;
        await Driver(bmc).BootFromNetworkAsync(new NetworkStart(null, BootPolicy.DiskFirst), None);
        Assert.Equal(1, bmc.Starts);
    }

    [Fact]
    public async Task Controller_ThatLies_IsCaughtByLooking()
    {
        await using var bmc = await TestBmc.StartAsync();
        bmc.Lies = true;
        var failure = await FailureAsync(() => Driver(bmc).SetAsync(PowerTarget.On, None));
        Assert.Contains("still off", failure.Cause, StringComparison.Ordinal);
        (bmc.Lies, bmc.Forgets) = (false, true);
        Assert.Contains("one-time boot", (await FailureAsync(() => Driver(bmc).BootFromNetworkAsync(new NetworkStart(null, BootPolicy.DiskFirst), None))).Cause, StringComparison.Ordinal);
        Assert.Equal(0, bmc.Starts);
    }

    [Theory]
    [InlineData("<html>not Redfish</html>")]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("""{"PowerState": 5}""")]
    public async Task Answer_ThatIsNoRedfish_MayBeOfAControllerThatRestarts(string body)
    {
        await using var bmc = await TestBmc.StartAsync();
        bmc.Fault = async http =>
        {
            await http.Response.Body.WriteAsync(System.Text.Encoding.UTF8.GetBytes(body));
            return true;
        };
        Assert.True((await FailureAsync(() => Driver(bmc, "/redfish/v1/Systems/1").GetStateAsync(None))).Again);
    }

    [Fact]
    public async Task Controller_ThatIsGoneWhileItsMachineGetsPower_IsWaitedFor()
    {
        await using var bmc = await TestBmc.StartAsync();
        var refusals = 0;
        bmc.Fault = http =>
        {
            if (!bmc.On || ++refusals > 3)
                return Task.FromResult(false);
            http.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return Task.FromResult(true);
        };
        await Driver(bmc).SetAsync(PowerTarget.On, None);
        Assert.True(refusals > 3);
        bmc.Fault = http =>
        {
            if (bmc.On)
                return Task.FromResult(false);
            http.Response.StatusCode = StatusCodes.Status401Unauthorized;
            return Task.FromResult(true);
        };
        Assert.Contains("refuses user", (await FailureAsync(() => Driver(bmc).SetAsync(PowerTarget.Off, None))).Cause, StringComparison.Ordinal);
    }
}
