using Baremetal.Cli;
using Baremetal.Conductor;

var root = CommandLine.Create();
root.Add(ServeCommand.Create());
var shell = Shell.OfThisProcess();
// Long enough for 'serve' to end its streams and its machines' TFTP transfers.
shell.ProcessTerminationTimeout = TimeSpan.FromSeconds(10);
return await CommandLine.RunAsync(root, args, shell);
