using System.CommandLine;
using Baremetal.Conductor;

var root = new RootCommand("Reinstalls servers over the network.") { ServeCommand.Create() };
return await root.Parse(args).InvokeAsync();
