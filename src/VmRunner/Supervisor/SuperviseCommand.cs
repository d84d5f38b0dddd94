using System.Collections;
using System.CommandLine;

namespace Baremetal.VmRunner.Supervisor;

/// <summary><c>vm-runner supervise</c>: PID 1 of a VM's container.</summary>
internal static class SuperviseCommand
{
    public static Command Create()
    {
        var arguments = new Argument<string[]>("ARGS") { Description = "What QEMU's own options of these names mean: -boot order=, -rtc base=, -usbdevice tablet." };
        var command = new Command("supervise", "Runs the virtual machine of the container that it is the first process of.") { arguments };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(async (parse, _) =>
        {
            try
            {
                var environment = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().ToDictionary(one => (string)one.Key, one => (string?)one.Value ?? "", StringComparer.Ordinal);
                var settings = VmSettings.Read(environment, [.. parse.GetValue(arguments) ?? [], .. parse.UnmatchedTokens]);
                return await new Supervision(settings, ContainerFolders.Usual).RunAsync();
            }
            catch (SupervisorException e)
            {
                await Console.Error.WriteLineAsync(e.Message);
                return e.ExitCode;
            }
        });
        return command;
    }
}
