using System.CommandLine;
using Baremetal.VmRunner.Supervisor;

var root = new RootCommand("Runs virtual machines as containers.") { SuperviseCommand.Create(), DiskInspection.Command() };
return await root.Parse(args).InvokeAsync();
