using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Baremetal.Api;
using Baremetal.Lab.Bmc;

namespace Baremetal.Lab.Tests;

/// <summary>The service as a client sees it; its servers stay off. Those that are switched on are in <see cref="PowerTests"/>.</summary>
public sealed class RedfishServiceTests : IAsyncLifetime
{
    private Lan lan = null!;
    private RedfishService service = null!;
    private RedfishClient client = null!;
    private VirtualServer server = null!;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private string SystemPath => RedfishService.AddressOf(server).AbsolutePath;

    public async ValueTask InitializeAsync()
    {
        lan = await Lan.CreateAsync(Cancelled);
        service = await RedfishService.StartAsync(lan, RedfishClient.User, RedfishClient.Password, Cancelled);
        client = new RedfishClient(lan, service);
        server = await lan.AddServerAsync(VirtualServerSpec.Numbered(1, FirmwareMode.Uefi), Cancelled);
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        await service.DisposeAsync();
        await lan.DisposeAsync();
    }

    [Fact]
    public async Task Get_FromTheRootByItsLinks_ReachesTheSystem()
    {
        using var stranger = new RedfishClient(lan, service, password: null);
        var root = await stranger.GetAsync("/redfish/v1/", Cancelled);
        var systems = await client.GetAsync((string)root["Systems"]!["@odata.id"]!, Cancelled);
        var system = await client.GetAsync((string)systems["Members"]![0]!["@odata.id"]!, Cancelled);

        Assert.Equal(1, (int)systems["Members@odata.count"]!);
        Assert.Equal("77770000-0000-4000-8000-525400770001", (string?)system["UUID"]);
        Assert.Equal("LAB-001", (string?)system["SerialNumber"]);
        Assert.Equal("Off", (string?)system["PowerState"]);
        Assert.Equal("Disabled", (string?)system["Boot"]!["BootSourceOverrideEnabled"]);
        Assert.Equal("UEFI", (string?)system["Boot"]!["BootSourceOverrideMode"]);
        Assert.Equal(["None", "Pxe", "Hdd"], system["Boot"]!["BootSourceOverrideTarget@Redfish.AllowableValues"]!.AsArray().GetValues<string>());
        Assert.Equal(["On", "ForceOff", "ForceRestart", "PowerCycle"], system["Actions"]!["#ComputerSystem.Reset"]!["ResetType@Redfish.AllowableValues"]!.AsArray().GetValues<string>());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("wrong")]
    [InlineData("")]
    public async Task Get_WithoutThePassword_Is401(string? password)
    {
        using var stranger = new RedfishClient(lan, service, password);

        var (status, body) = await stranger.SendAsync(HttpMethod.Get, SystemPath, null, Cancelled);

        AssertError(401, "NoValidSession", status, body);
    }

    [Fact]
    public async Task Get_FromTheMachine_IsNotReached()
    {
        using var outside = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

        await Assert.ThrowsAsync<SocketException>(() => outside.ConnectAsync(new IPEndPoint(IPAddress.Loopback, RedfishService.Port), Cancelled).AsTask());
    }

    [Theory]
    [InlineData("""{"Boot":{"BootSourceOverrideTarget":"Floppy"}}""", "PropertyValueNotInList", "Floppy")]
    [InlineData("""{"Boot":{"BootSourceOverrideTarget":7}}""", "PropertyValueNotInList", "7")]
    [InlineData("""{"Boot":{"BootSourceOverrideTarget":"Pxe","BootSourceOverrideEnabled":"Continuous"}}""", "PropertyValueNotInList", "Continuous")]
    [InlineData("""{"Boot":{"BootSourceOverrideTarget":"Pxe","BootSourceOverrideMode":"Legacy"}}""", "PropertyValueNotInList", "Legacy")]
    [InlineData("""{"Boot":{"BootNext":"Boot0001"}}""", "PropertyUnknown", "Boot/BootNext")]
    [InlineData("""{"PowerState":"On"}""", "PropertyUnknown", "PowerState")]
    [InlineData("""{"Boot":""", "MalformedJSON", "")]
    [InlineData("[]", "MalformedJSON", "")]
    [InlineData("{}", "MalformedJSON", "")]
    public async Task Patch_WhatIsNotKnown_IsRefusedAndChangesNothing(string request, string messageId, string named)
    {
        var (status, body) = await client.SendAsync(HttpMethod.Patch, SystemPath, request, Cancelled);

        AssertError(400, messageId, status, body);
        Assert.Contains(named, (string)body!["error"]!["message"]!, StringComparison.Ordinal);
        Assert.Equal(BootTarget.None, server.NextBoot);
    }

    [Fact]
    public async Task Patch_TargetOnce_IsShownUntilItIsDisabled()
    {
        await client.BootOnceAsync(server, "Pxe", Cancelled);
        var set = (await client.GetAsync(SystemPath, Cancelled))["Boot"]!;
        await client.SendAsync(HttpMethod.Patch, SystemPath, """{"Boot":{"BootSourceOverrideEnabled":"Disabled"}}""", Cancelled);
        var cleared = (await client.GetAsync(SystemPath, Cancelled))["Boot"]!;

        Assert.Equal(("Once", "Pxe"), ((string?)set["BootSourceOverrideEnabled"], (string?)set["BootSourceOverrideTarget"]));
        Assert.Equal(("Disabled", "None"), ((string?)cleared["BootSourceOverrideEnabled"], (string?)cleared["BootSourceOverrideTarget"]));
    }

    [Theory]
    [InlineData("""{"ResetType":"Nmi"}""", 400, "ActionParameterValueNotInList")]
    [InlineData("""{}""", 400, "ActionParameterMissing")]
    [InlineData("""{"ResetType":1}""", 400, "ActionParameterMissing")]
    [InlineData("nonsense", 400, "MalformedJSON")]
    [InlineData("""{"ResetType":"ForceRestart"}""", 409, "ResourceInStandby")]
    public async Task Reset_WhatCannotBeDone_IsRefused(string request, int expected, string messageId)
    {
        var (status, body) = await client.SendAsync(HttpMethod.Post, SystemPath + "/Actions/ComputerSystem.Reset", request, Cancelled);

        AssertError(expected, messageId, status, body);
        Assert.Equal(PowerState.Off, server.PowerState);
    }

    [Theory]
    [InlineData("GET", "/redfish/v1/Systems/node-9")]
    [InlineData("POST", "/redfish/v1/Systems/node-9/Actions/ComputerSystem.Reset")]
    [InlineData("GET", "/redfish/v1/Chassis")]
    public async Task Any_WhatIsNotThere_Is404NamingIt(string method, string path)
    {
        var (status, body) = await client.SendAsync(HttpMethod.Parse(method), path, null, Cancelled);

        AssertError(404, "ResourceMissingAtURI", status, body);
        Assert.Equal(path, (string?)body!["error"]!["@Message.ExtendedInfo"]![0]!["MessageArgs"]![0]);
    }

    private static void AssertError(int status, string messageId, int actualStatus, JsonNode? body)
    {
        Assert.Equal(status, actualStatus);
        Assert.EndsWith("." + messageId, (string?)body!["error"]!["code"], StringComparison.Ordinal);
        var info = body["error"]!["@Message.ExtendedInfo"]![0]!;
        Assert.NotEmpty((string?)info["Message"] ?? "");
        Assert.NotEmpty((string?)info["Resolution"] ?? "");
    }
}
