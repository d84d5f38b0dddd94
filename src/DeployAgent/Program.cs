using System.CommandLine;
using Baremetal.DeployAgent;

var root = new RootCommand("Writes operating-system images to disks, every byte verified.") { RunCommand.Create() };
// A write that is stopped still has to make sure that the disk does not boot.
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(20) });
