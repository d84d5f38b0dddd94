using System.CommandLine;
using Baremetal.VmRunner.Host;
using Baremetal.VmRunner.Supervisor;

const int WrongUsage = 2;

var root = new RootCommand("Runs virtual machines as containers.") { JoinCommand.Create(), PreflightCommand.Create(), RunCommand.Create(), DockerRunCommand.Create(), SuperviseCommand.Create(), DiskInspection.Command(), KvmTrial.Command() };
var parse = root.Parse(DockerRunCommand.WithLineApart(args));
if (parse.Errors.Count > 0)
{
    foreach (var error in parse.Errors)
        Console.Error.WriteLine(error.Message);
    Console.Error.WriteLine($"'vm-runner {(parse.CommandResult.Command == root ? "" : $"{parse.CommandResult.Command.Name} ")}--help' says more.");
    return WrongUsage;
}
// A supervisor minds its signals itself, for as long as its guest takes; the service ends the calls to the engine that it has begun.
TimeSpan? termination = parse.CommandResult.Command.Name == "supervise" ? null : TimeSpan.FromMinutes(2);
try
{
    return await parse.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = termination, EnableDefaultExceptionHandler = false });
}
catch (Exception e)
{
    // A fault of ours, told apart from every end that has a meaning.
    Console.Error.WriteLine(e);
    return ExitCodes.Fault;
}
