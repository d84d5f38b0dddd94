using Baremetal.Cli;
using Baremetal.Conductor;

var root = CommandLine.Create();
root.Add(ServeCommand.Create());
return await CommandLine.RunAsync(root, args, Shell.OfThisProcess());
