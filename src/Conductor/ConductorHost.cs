using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Baremetal.Api;
using Baremetal.Conductor.Access;
using Baremetal.Conductor.Agents;
using Baremetal.Conductor.Boot;
using Baremetal.Conductor.Certificates;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Discovery;
using Baremetal.Conductor.Events;
using Baremetal.Conductor.Images;
using Baremetal.Conductor.Inventories;
using Baremetal.Conductor.Jobs;
using Baremetal.Conductor.Operations;
using Baremetal.Conductor.Power;
using Baremetal.Conductor.Runners;
using Baremetal.Conductor.Runners.Streams;
using Baremetal.Conductor.Secrets;
using Baremetal.Conductor.Settings;
using Baremetal.Conductor.VmImages;
using Baremetal.Netboot;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace Baremetal.Conductor;

/// <summary>The conductor, put together: two ports, the services behind them, and the three loops that run by themselves.</summary>
public static class ConductorHost
{
    /// <param name="replace">Puts another clock or database in a service's place.</param>
    public static WebApplication Build(ConductorSettings settings, Action<IServiceCollection>? replace = null)
    {
        // Empty: no appsettings.json, no ASPNETCORE_ variables; our settings are the only ones.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "conductor" });
        var started = new Started();
        Log(builder.Logging, started);
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration();
        AddServices(builder.Services, settings);
        replace?.Invoke(builder.Services);

        var app = builder.Build();
        app.Lifetime.ApplicationStarted.Register(() => started.Is = true);
        app.UseExceptionHandler(new ExceptionHandlerOptions { ExceptionHandler = Problems.HandleAsync });
        // What routing itself refuses: no such path, no such method, another content type.
        app.UseStatusCodePages(context => Problems.ExplainAsync(context.HttpContext));
        app.UseRouting();
        app.Use(Limits.RequireTlsAsync);
        app.UseAuthentication();
        app.UseAuthorization();
        app.UseRateLimiter();
        app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = TimeSpan.FromSeconds(15) });
        Endpoints.Map(app);
        // It counts from when it was made.
        app.Services.GetRequiredService<RunnerPresence>();
        return app;
    }

    private static void AddServices(IServiceCollection services, ConductorSettings settings)
    {
        services.AddSingleton(settings);
        services.AddSingleton<TimeProvider>(new SteadyTime(TimeProvider.System));
        services.AddSingleton(_ => new StateDirectory(settings.StateDirectory));
        services.AddSingleton<StateLock>();
        services.AddSingleton<IDatabase>(all =>
        {
            // First, and so given up last: whoever has the database has the state.
            _ = all.GetRequiredService<StateLock>();
            return new SqliteDatabase(all.GetRequiredService<StateDirectory>().Database, all.GetRequiredService<TimeProvider>());
        });

        services.AddSingleton<CertificateAuthority>();
        services.AddSingleton<ServerTls>();
        services.AddSingleton<OrderKey>();
        services.AddSingleton<SecretBox>();
        services.AddSingleton<OperatorTokens>();
        services.AddSingleton<BlobStore>();
        services.AddSingleton<TrustChainStore>();
        services.AddSingleton<LayerDigests>();
        services.AddSingleton<OwnImages>();
        services.AddSingleton<PowerDrivers>();
        services.AddSingleton<EventFeed>();

        services.AddSingleton<NodeAddresses>();
        services.AddSingleton<BootEndpoints>();
        services.AddSingleton<EnrolEndpoints>();
        services.AddSingleton<RunnerRole>();
        services.AddSingleton<Orders>();
        services.AddSingleton<ProgressWatch>();
        services.AddSingleton<DeployChecks>();
        services.AddSingleton<ConfigDrives>();
        services.AddSingleton<Effects>();

        services.AddSingleton<RunnerPresence>();
        services.AddSingleton<EventAllowance>();
        services.AddSingleton<JoinEndpoints>();
        services.AddSingleton<RunnerReports>();
        services.AddSingleton<OpenStreams>();
        services.AddSingleton<StreamEndpoints>();

        // What runs by itself: jobs, netboot, orders for runners, and the word to systemd.
        AddHosted<Worker>(services);
        AddHosted<OrderFeed>(services);
        services.AddSingleton<SightingAllowance>();
        AddHosted<NodeSightings>(services);
        services.AddSingleton<PendingNodes>();
        services.AddSingleton<InventoryHistory>();
        services.AddSingleton<IBootPolicy, NodeBootPolicy>();
        services.AddSingleton(all => new NetbootServer(
            settings.Netboot(all.GetRequiredService<StateDirectory>().Leases, settings.Dhcp.Mode == DhcpMode.Off ? null : all.GetRequiredService<NodeAddresses>().PlainUrl),
            all.GetRequiredService<IBootPolicy>(), all.GetRequiredService<TimeProvider>(), all.GetRequiredService<ILogger<NetbootServer>>()));
        AddHosted<NetbootService>(services);
        AddHosted<Watchdog>(services);

        services.AddSingleton<IConfigureOptions<KestrelServerOptions>, Ports>();
        services.AddRoutingCore();
        // Not AddAuthentication: that brings cookies' data protection, which writes keys into somebody's home.
        services.AddAuthenticationCore();
        services.AddWebEncoders();
        new AuthenticationBuilder(services)
            .AddScheme<AuthenticationSchemeOptions, OperatorAuthentication>(OperatorAuthentication.Name, null)
            .AddScheme<AuthenticationSchemeOptions, AgentAuthentication>(AgentAuthentication.Name, null)
            .AddScheme<AuthenticationSchemeOptions, RunnerAuthentication>(RunnerAuthentication.Name, null);
        services.AddAuthorization();
        services.AddRateLimiter(Limits.AddRates);
        // A body that cannot be read is a problem in words, as everything else that is wrong.
        services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true);
        services.AddOpenApi(ApiDescription.Configure);
        services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.AllowDuplicateProperties = false;
            json.SerializerOptions.RespectNullableAnnotations = true;
            json.SerializerOptions.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
            foreach (var words in ApiJson.Default.Options.Converters)
                json.SerializerOptions.Converters.Add(words);
            json.SerializerOptions.TypeInfoResolverChain.Insert(0, ApiJson.Default.WithAddedModifier(RequireWhatIsNotNullable));
            json.SerializerOptions.TypeInfoResolverChain.Insert(1, AgentJson.Default.WithAddedModifier(RequireWhatIsNotNullable));
            json.SerializerOptions.TypeInfoResolverChain.Insert(2, RunnerJson.Default.WithAddedModifier(RequireWhatIsNotNullable));
            json.SerializerOptions.TypeInfoResolverChain.Insert(3, ParameterJson.Default);
        });
        // Streams of events end when the host stops; a blob that is being sent gets a moment.
        services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(5));
    }

    /// <summary>
    /// A body must have all that its record says it has. RespectRequiredConstructorParameters would demand the nullable ones as well, which
    /// nobody writes who leaves out nulls.
    /// </summary>
    private static void RequireWhatIsNotNullable(JsonTypeInfo type)
    {
        foreach (var property in type.Properties)
            property.IsRequired |= property.AssociatedParameter is { IsNullable: false, HasDefaultValue: false };
    }

    private static void AddHosted<T>(IServiceCollection services)
        where T : class, IHostedService
    {
        services.AddSingleton<T>();
        services.AddHostedService(all => all.GetRequiredService<T>());
    }

    private static void Log(ILoggingBuilder logging, Started started)
    {
        logging.SetMinimumLevel(LogLevel.Information);
        logging.AddFilter("Microsoft", LogLevel.Warning);
        // The exception handler's own words repeat ours.
        logging.AddFilter("Microsoft.AspNetCore.Diagnostics.ExceptionHandlerMiddleware", LogLevel.None);
        // Why a start failed is thrown to whoever started, who says it in words; the host and the server would say it too, in stack traces.
        foreach (var starter in new[] { "Microsoft.Extensions.Hosting.Internal.Host", "Microsoft.AspNetCore.Server.Kestrel" })
            logging.AddFilter(starter, level => started.Is && level >= LogLevel.Warning);
        // A refused call is the caller's to know.
        logging.AddFilter(typeof(OperatorAuthentication).FullName, LogLevel.Warning);
        logging.AddFilter(typeof(AgentAuthentication).FullName, LogLevel.Warning);
        logging.AddFilter(typeof(RunnerAuthentication).FullName, LogLevel.Warning);
        if (Environment.GetEnvironmentVariable("JOURNAL_STREAM") is not null)
            logging.AddSystemdConsole();
        else
            logging.AddSimpleConsole(console => (console.SingleLine, console.TimestampFormat, console.ColorBehavior) = (true, "HH:mm:ss.fff ", LoggerColorBehavior.Disabled));
    }
}

/// <summary>Whether the host came up: what is logged depends on it, and the log is there first.</summary>
internal sealed class Started
{
    public volatile bool Is;
}

/// <summary>What the API's description needs of values in addresses and bodies, beside the wire's own records.</summary>
[JsonSerializable(typeof(bool))]
[JsonSerializable(typeof(int?))]
[JsonSerializable(typeof(long?))]
[JsonSerializable(typeof(string))]
internal sealed partial class ParameterJson : JsonSerializerContext;
