using System.CommandLine;
using Baremetal.DeployAgent;
using Baremetal.DeployAgent.Write;

const int WrongUsage = 2;

var root = new RootCommand("Writes operating-system images to disks, every byte verified.") { RunCommand.Create(), WriteCommand.Create() };
var parse = root.Parse(args);
if (parse.Errors.Count > 0)
{
    foreach (var error in parse.Errors)
        Console.Error.WriteLine(error.Message);
    Console.Error.WriteLine("'deploy-agent --help' says more.");
    return WrongUsage;
}
// A write that is stopped still has to make sure that the disk does not boot.
return await parse.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(20) });
