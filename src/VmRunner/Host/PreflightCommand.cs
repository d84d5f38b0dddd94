using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using Baremetal.Api;
using Baremetal.Trust;

namespace Baremetal.VmRunner.Host;

/// <summary><c>vm-runner preflight</c>: whether all that VMs need is here.</summary>
internal static class PreflightCommand
{
    public static Command Create()
    {
        var options = new HostOptions();
        var output = new Option<string>("--output", "-o") { Description = "table or json.", DefaultValueFactory = _ => "table" };
        output.AcceptOnlyFromAmong("table", "json");
        var command = new Command("preflight", "Tries whether all that VMs need is here. Ends with 0 if it is, with 1 if something is missing.") { output };
        options.AddTo(command);
        command.SetAction((parse, cancel) => HostShell.RunAsync(async () =>
        {
            var settings = options.Read(parse);
            var engine = new Engine(settings.Engine);
            var checks = await new Preflight(settings, engine, new BaseImage(engine, settings.Base)).RunAsync(cancel);
            if (parse.GetValue(output) == "json")
                Console.WriteLine(JsonSerializer.Serialize(checks, PreflightJson.Default.PreflightCheckArray));
            else
                WriteTable(checks);
            return Array.TrueForAll(checks, check => check.Passed) ? HostExitCodes.Done : HostExitCodes.Failed;
        }));
        return command;
    }

    private static void WriteTable(PreflightCheck[] checks)
    {
        var width = checks.Max(check => check.Name.Length);
        foreach (var check in checks)
        {
            Console.WriteLine($"{check.Name.PadRight(width)}   {(check.Passed ? "yes" : "NO "),-3}   {Printable.Of(check.Finding)}");
            if (!check.Passed && check.Remedy is { } remedy)
                Console.WriteLine($"{new string(' ', width)}         {Printable.Of(remedy)}");
        }
    }
}

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, WriteIndented = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(PreflightCheck[]))]
internal sealed partial class PreflightJson : JsonSerializerContext;
