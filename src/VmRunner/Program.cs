using System.CommandLine;
using Baremetal.VmRunner.Supervisor;

var root = new RootCommand("Runs virtual machines as containers.") { SuperviseCommand.Create(), DiskInspection.Command() };
// The guest has its own time to shut down, which the library would cut to two seconds.
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
