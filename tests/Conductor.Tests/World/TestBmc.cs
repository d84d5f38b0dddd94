using System.Text.Json.Nodes;
using Baremetal.Api;
using Baremetal.Conductor.Power;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Baremetal.Conductor.Tests.World;

/// <summary>
/// A power controller over real HTTP that speaks as much Redfish as the DMTF's schemas demand of one, for machines that are only told
/// that they start. What it does wrong, it is told to.
/// </summary>
internal sealed class TestBmc : IAsyncDisposable
{
    public const string User = "ops";
    public const string Password = "s3cret";

    private readonly WebApplication _app;
    private readonly Lock _gate = new();
    private bool _on;
    private string _override = "Disabled";
    private string _target = "None";

    private TestBmc(WebApplication app) => _app = app;

    public string Url => _app.Urls.Single();

    public PowerSettings Power => new(PowerDrivers.Redfish, Url, User, Password);

    /// <summary>Told each time that the machine starts: whether from the network.</summary>
    public Action<bool>? Started { get; set; }

    /// <summary>Ends what runs on the machine, when it is switched off.</summary>
    public Func<Task>? Stopped { get; set; }

    public int Starts { get; private set; }

    public string? OverrideMode { get; private set; }

    /// <summary>What this answers, if anything, is the answer instead of the right one.</summary>
    public Func<HttpContext, Task<bool>>? Fault { get; set; }

    /// <summary>Takes every order to switch, and does not.</summary>
    public bool Lies { get; set; }

    /// <summary>Takes every boot override, and forgets it.</summary>
    public bool Forgets { get; set; }

    public int Systems { get; set; } = 1;

    public bool On
    {
        get
        {
            lock (_gate)
                return _on;
        }
    }

    public static async Task<TestBmc> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Services.AddRoutingCore();
        builder.Services.AddLogging(logging => logging.ClearProviders());
        var app = builder.Build();
        var bmc = new TestBmc(app);
        app.Use(bmc.GuardAsync);
        app.MapGet("/redfish/v1/Systems", bmc.CollectionAsync);
        app.MapGet("/redfish/v1/Systems/{id}", bmc.SystemAsync);
        app.MapPatch("/redfish/v1/Systems/{id}", bmc.PatchAsync);
        app.MapPost("/redfish/v1/Systems/{id}/Actions/ComputerSystem.Reset", bmc.ResetAsync);
        await app.StartAsync();
        return bmc;
    }

    /// <summary>Somebody pulls the plug, and puts it back.</summary>
    public void LosePower()
    {
        lock (_gate)
            _on = false;
    }

    /// <summary>Somebody presses its button.</summary>
    public void PressButton()
    {
        lock (_gate)
            _on = true;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task GuardAsync(HttpContext http, RequestDelegate next)
    {
        if (Fault is { } fault && await fault(http))
            return;
        var expected = "Basic " + Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes($"{User}:{Password}"));
        if (http.Request.Headers.Authorization != expected)
        {
            http.Response.StatusCode = StatusCodes.Status401Unauthorized;
            return;
        }
        await next(http);
    }

    private Task CollectionAsync(HttpContext http) => WriteAsync(http, new JsonObject
    {
        ["Members"] = new JsonArray([.. Enumerable.Range(1, Systems).Select(number => new JsonObject { ["@odata.id"] = $"/redfish/v1/Systems/{number}" })]),
    });

    private Task SystemAsync(HttpContext http)
    {
        lock (_gate)
        {
            return WriteAsync(http, new JsonObject
            {
                ["PowerState"] = _on ? "On" : "Off",
                ["Boot"] = new JsonObject { ["BootSourceOverrideEnabled"] = _override, ["BootSourceOverrideTarget"] = _target },
                ["Actions"] = new JsonObject { ["#ComputerSystem.Reset"] = new JsonObject { ["target"] = "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset" } },
            });
        }
    }

    private async Task PatchAsync(HttpContext http)
    {
        var boot = (await JsonNode.ParseAsync(http.Request.Body))!["Boot"]!;
        lock (_gate)
        {
            if (!Forgets)
                (_override, _target) = ((string)boot["BootSourceOverrideEnabled"]!, (string)boot["BootSourceOverrideTarget"]!);
            OverrideMode = (string?)boot["BootSourceOverrideMode"];
        }
        http.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private async Task ResetAsync(HttpContext http)
    {
        var type = (string)(await JsonNode.ParseAsync(http.Request.Body))!["ResetType"]!;
        http.Response.StatusCode = StatusCodes.Status204NoContent;
        bool network;
        lock (_gate)
        {
            if (Lies)
                return;
            _on = type is "On" or "ForceRestart";
            network = _on && _override == "Once" && _target == "Pxe";
            if (_on)
            {
                (_override, _target) = ("Disabled", "None");
                Starts++;
            }
        }
        if (type == "ForceOff")
            await (Stopped?.Invoke() ?? Task.CompletedTask);
        else
            Started?.Invoke(network);
    }

    private static Task WriteAsync(HttpContext http, JsonObject json)
    {
        http.Response.ContentType = "application/json";
        return http.Response.WriteAsync(json.ToJsonString());
    }
}
