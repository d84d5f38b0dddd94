using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Baremetal.Api.Client;
using Baremetal.Conductor.Access;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Jobs;
using Baremetal.Conductor.Settings;
using Baremetal.Support;
using Dapper;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Baremetal.Conductor.Tests.World;

/// <summary>A real conductor on two free ports of this machine, with its state in a folder of its own, which outlives its restarts.</summary>
internal sealed class TestConductor : IAsyncDisposable
{
    /// <summary>How long a machine waits for an answer before it asks again: well below what a test waits for in all.</summary>
    public static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(20);

    private static readonly TimeSpan AMoment = TimeSpan.FromSeconds(4);

    private readonly TempFolder _folder;
    private readonly LogLines _log;
    private readonly List<ConductorClient> _clients = [];
    private WebApplication _app;
    private bool _stopped;

    private TestConductor(TempFolder folder, WebApplication app, ConductorSettings settings, JumpingClock clock, TestImage image, LogLines log)
    {
        (_folder, _app, Settings, Clock, Image, _log) = (folder, app, settings, clock, image, log);
        Operator = Connect();
        Plain = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{settings.PlainPort}"), Timeout = AnswerTime };
    }

    public ConductorSettings Settings { get; }

    public JumpingClock Clock { get; }

    /// <summary>Signed by the keys that the conductor's trust documents name; not added yet.</summary>
    public TestImage Image { get; }

    public ConductorClient Operator { get; }

    public HttpClient Plain { get; }

    /// <summary>What the conductor logged of itself, as words.</summary>
    public IReadOnlyCollection<string> Log => _log.Lines;

    public IServiceProvider Services => _app.Services;

    public IDatabase Database => Services.GetRequiredService<IDatabase>();

    public Uri TlsUrl => new($"https://127.0.0.1:{Settings.TlsPort}");

    public string StatePath(string name) => Path.Combine(Settings.StateDirectory, name);

    public static async Task<TestConductor> StartAsync(Func<ConductorSettings, ConductorSettings>? change = null, Func<IDatabase, IDatabase>? database = null, JumpingClock? clock = null)
    {
        var folder = new TempFolder();
        var ramdisk = Directory.CreateDirectory(Path.Combine(folder.Path, "ramdisk"));
        foreach (var file in new[] { "vmlinuz", "initrd.img", "localboot.efi" })
            await File.WriteAllTextAsync(Path.Combine(ramdisk.FullName, file), $"the file {file}");
        var package = Path.Combine(folder.Path, "baremetal-vm-runner.deb");
        await File.WriteAllTextAsync(package, "a package");
        var (plain, tls) = (FreePort(), FreePort());
        var settings = new ConductorSettings
        {
            StateDirectory = Path.Combine(folder.Path, "state"),
            TrustDirectory = Directory.CreateDirectory(Path.Combine(folder.Path, "trust")).FullName,
            RamdiskDirectory = ramdisk.FullName,
            RunnerPackage = package,
            Listen = IPAddress.Loopback,
            Addresses = [IPAddress.Loopback],
            PlainPort = plain,
            TlsPort = tls,
        };
        settings = change?.Invoke(settings) ?? settings;
        clock ??= new JumpingClock();
        var log = new LogLines();
        var app = await StartHostAsync(settings, clock, database, log);
        return new TestConductor(folder, app, settings, clock, TestImage.Create(settings, clock), log);
    }

    /// <summary>As the next process would: on the same state, the same ports, with nothing remembered.</summary>
    public async Task RestartAsync(Func<IDatabase, IDatabase>? database = null)
    {
        await StopAsync();
        _app = await StartHostAsync(Settings, Clock, database, _log);
        _stopped = false;
    }

    /// <summary>Time that passes while the conductor is at work. A jump of the clock is to it a pause of the whole process, in which it heard nobody.</summary>
    public async Task PassAsync(TimeSpan time)
    {
        var worker = Services.GetRequiredService<Worker>();
        for (var end = Clock.GetUtcNow() + time; Clock.GetUtcNow() < end;)
        {
            Clock.Jump(AMoment);
            Database.Write(tx => tx.Sql.Execute("UPDATE sequences SET value = value"));
            await Until.TrueAsync(() => Task.FromResult(worker.SinceTick < AMoment), "the worker to come round");
        }
    }

    public async Task StopAsync()
    {
        if (_stopped)
            return;
        _stopped = true;
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    public ConductorClient Connect(string? token = null)
    {
        var client = new ConductorClient(TlsUrl, Certificate(), token ?? File.ReadAllText(StatePath("admin.token")).Trim(), TimeProvider.System);
        _clients.Add(client);
        return client;
    }

    /// <summary>A request as an operator makes it, whose answer the client library would hide.</summary>
    public async Task<HttpStatusCode> StatusAsync(HttpRequestMessage request)
    {
        using var answer = await AnswerAsync(request);
        return answer.StatusCode;
    }

    /// <inheritdoc cref="StatusAsync"/>
    public async Task<JsonElement> SendAsync(HttpRequestMessage request)
    {
        using var answer = await AnswerAsync(request);
        using var json = JsonDocument.Parse(await answer.Content.ReadAsByteArrayAsync());
        return json.RootElement.Clone();
    }

    private async Task<HttpResponseMessage> AnswerAsync(HttpRequestMessage request)
    {
        using var ca = Certificate();
        using var http = new HttpClient(PinnedHttp.Handler(ca, CertificateTimes.Ignored)) { BaseAddress = TlsUrl };
        request.Headers.Authorization ??= new AuthenticationHeaderValue("Bearer", (await File.ReadAllTextAsync(StatePath("admin.token"))).Trim());
        var answer = await http.SendAsync(request, HttpCompletionOption.ResponseContentRead);
        request.Dispose();
        return answer;
    }

    public System.Security.Cryptography.X509Certificates.X509Certificate2 Certificate() =>
        System.Security.Cryptography.X509Certificates.X509CertificateLoader.LoadCertificateFromFile(StatePath("ca.pem"));

    public async ValueTask DisposeAsync()
    {
        _clients.ForEach(client => client.Dispose());
        Plain.Dispose();
        await StopAsync();
        _folder.Dispose();
    }

    private static async Task<WebApplication> StartHostAsync(ConductorSettings settings, JumpingClock clock, Func<IDatabase, IDatabase>? database, LogLines log)
    {
        var app = ConductorHost.Build(settings, services =>
        {
            services.AddSingleton<TimeProvider>(new SteadyTime(clock));
            services.AddLogging(logging => logging.SetMinimumLevel(database is null ? LogLevel.Warning : LogLevel.None)
                .AddProvider(log).AddFilter<LogLines>("Baremetal", LogLevel.Information));
            if (database is not null)
                services.AddSingleton(all => database(new SqliteDatabase(all.GetRequiredService<StateDirectory>().Database, all.GetRequiredService<TimeProvider>())));
        });
        app.Services.GetRequiredService<OperatorTokens>().WriteFirst(app.Services.GetRequiredService<StateDirectory>());
        await app.StartAsync();
        return app;
    }

    // Below the ports that the kernel gives to clients, so that none of them takes it between now and the bind.
    private static int FreePort() => Interlocked.Increment(ref s_port);

    private static int s_port = 20000 + Environment.ProcessId % 200 * 50;
}
