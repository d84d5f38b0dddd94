using System.CommandLine;
using System.CommandLine.Help;
using Baremetal.DeployAgent;
using Baremetal.DeployAgent.Write;

const int WrongUsage = 2;

var root = new RootCommand("Writes operating-system images to disks, every byte verified.") { RunCommand.Create(), WriteCommand.Create() };
var help = root.Options.OfType<HelpOption>().Single();
help.Action = new WriteHelp((HelpAction)help.Action!);
var parse = root.Parse(args);
if (parse.Errors.Count > 0)
{
    foreach (var error in parse.Errors)
        Console.Error.WriteLine(error.Message);
    Console.Error.WriteLine($"'deploy-agent {(parse.CommandResult.Command == root ? "" : $"{parse.CommandResult.Command.Name} ")}--help' says more.");
    return WrongUsage;
}
// A write that is stopped still has to make sure that the disk does not boot.
return await parse.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(20) });
