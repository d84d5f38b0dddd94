using System.CommandLine;
using Baremetal.Cli;
using Baremetal.Conductor.Access;
using Baremetal.Conductor.Images;
using Baremetal.Conductor.Settings;
using Baremetal.Netboot;
using Baremetal.Trust;

namespace Baremetal.Conductor;

/// <summary><c>conductor serve</c>: runs the conductor in the foreground until it is told to stop.</summary>
internal static partial class ServeCommand
{
    private const int Failed = 1;
    private const int WrongUsage = 2;

    public static Command Create()
    {
        var file = new Option<string>("--config") { Description = $"The settings file, {SettingsFile.DefaultPath} if not given; the folder FILE.d is read after it, then CONDUCTOR_… variables.", HelpName = "FILE", DefaultValueFactory = _ => SettingsFile.DefaultPath };
        var overrides = new Option<string[]>("--set") { Description = "One setting, above all files and variables, such as dhcp.mode=proxy.", HelpName = "NAME=VALUE" };
        overrides.Validators.Add(result =>
        {
            if (result.Tokens.FirstOrDefault(token => !token.Value.Contains('=', StringComparison.Ordinal)) is { } wrong)
                result.AddError($"--set takes NAME=VALUE, not '{wrong.Value}'.");
        });
        var check = new Option<bool>("--check") { Description = "Names every fault of the settings, starts nothing." };
        var command = new Command("serve", "Runs the conductor: API, netboot and jobs. Settings and how to start are in docs/operating.md, 'Starting'.") { file, overrides, check };
        command.SetAction((parsed, cancel) => RunAsync((Shell)parsed.InvocationConfiguration, parsed.GetValue(file)!, parsed.GetValue(overrides) ?? [], parsed.GetValue(check), cancel));
        return command;
    }

    private static async Task<int> RunAsync(Shell shell, string file, string[] overrides, bool checkOnly, CancellationToken cancel)
    {
        var pairs = overrides.Select(one => one.Split('=', 2)).Select(pair => KeyValuePair.Create(pair[0].Replace('.', ':'), (string?)pair[1]));
        var (settings, found) = SettingsFile.Read(file, pairs);
        var faults = found.Count > 0 ? found : [.. new[] { StateDirectory.FaultOf(settings.StateDirectory), TrustCheck.FaultOf(settings) }.OfType<Rejection>()];
        foreach (var one in faults)
            CommandLine.Say(shell, one, WrongUsage);
        if (faults.Count > 0)
            return WrongUsage;
        if (checkOnly)
        {
            shell.Out.Line("The settings are sound.");
            foreach (var line in Standing.Lines(settings, file, TimeProvider.System.GetUtcNow()))
                shell.Out.Line(line);
            return 0;
        }
        try
        {
            await ServeAsync(settings, file, cancel);
            return 0;
        }
        catch (Exception e) when (e is NetbootException or IOException or UnauthorizedAccessException or InvalidDataException or System.Net.Sockets.SocketException or System.Data.Common.DbException)
        {
            return CommandLine.Say(shell, Ports.WhyNotOpened(e, settings) ?? new Rejection(e.Message), Failed);
        }
    }

    private static async Task ServeAsync(ConductorSettings settings, string file, CancellationToken cancel)
    {
        await using var app = ConductorHost.Build(settings);
        var logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Baremetal.Conductor");
        if (app.Services.GetRequiredService<OperatorTokens>().WriteFirst(app.Services.GetRequiredService<StateDirectory>()) is { } token)
            LogFirstToken(logger, token);
        await app.StartAsync(cancel);
        LogStarted(logger, string.Join(" and ", app.Urls), settings.StateDirectory);
        foreach (var line in Standing.Lines(settings, file, TimeProvider.System.GetUtcNow()))
            LogStanding(logger, line);
        await app.WaitForShutdownAsync(cancel);
    }

    [LoggerMessage(1, LogLevel.Information, "First start: the admin's token lies in {Path}")]
    private static partial void LogFirstToken(ILogger logger, string path);

    [LoggerMessage(2, LogLevel.Information, "The conductor answers on {Urls}; its state is in {State}")]
    private static partial void LogStarted(ILogger logger, string urls, string state);

    [LoggerMessage(3, LogLevel.Information, "{Line}")]
    private static partial void LogStanding(ILogger logger, string line);
}
