using Baremetal.Api;

namespace Baremetal.Cli;

/// <summary>
/// One command for several things. What is refused for one of them is said at once, and the others have their turn all the same; what no other would
/// be spared either (no conductor, no token) ends the command.
/// </summary>
internal static class OneByOne
{
    /// <returns>The exit code that all failures have in common, else that of a failure.</returns>
    public static async Task<int> RunAsync<T>(Invocation call, IReadOnlyList<T> things, Func<T, Task<int>> act)
    {
        if (things is [var only])
            return await act(only);
        var codes = new HashSet<int>();
        foreach (var thing in things)
            codes.Add(await TryAsync(call.Shell, () => act(thing)));
        codes.Remove(ExitCodes.Done);
        return codes.Count switch { 0 => ExitCodes.Done, 1 => codes.Single(), _ => ExitCodes.Failed };
    }

    private static async Task<int> TryAsync(Shell shell, Func<Task<int>> act)
    {
        try
        {
            return await act();
        }
        catch (Failure failure) when (failure.ExitCode is ExitCodes.Failed or ExitCodes.NotFound or ExitCodes.Refused)
        {
            return CommandLine.Say(shell, failure.Why, failure.ExitCode, failure.Details);
        }
        catch (ProblemException e) when (e.Problem.Status is 404 or 409 or 412 or 422)
        {
            return CommandLine.Say(shell, e.Problem);
        }
    }
}
