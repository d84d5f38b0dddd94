using Baremetal.Netboot.Tests;

// `serve …` is a server in a process of its own; all else is the test runner.
return args is ["serve", .. var rest]
    ? await ServeCommand.RunAsync(rest)
    : await Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(args);
