using System.CommandLine;
using Baremetal.VmRunner.Supervisor;

var root = new RootCommand("Runs virtual machines as containers.") { SuperviseCommand.Create() };
return await root.Parse(args).InvokeAsync();
