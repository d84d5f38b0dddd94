using Baremetal.Api;
using Baremetal.Api.Client;

namespace Baremetal.VmRunner.Host;

/// <summary>The way from a command's failures to words on standard error and an exit code.</summary>
internal static class HostShell
{
    // 128 + SIGINT, as shells have it.
    private const int Interrupted = 130;

    public static async Task<int> RunAsync(Func<Task<int>> command)
    {
        try
        {
            return await command();
        }
        catch (HostFailure e)
        {
            return Say(e.Message, e.ExitCode);
        }
        catch (ProblemException e)
        {
            return Say(e.Message, e.Problem.Type == Problems.Untrusted || e.Problem.Status is >= 400 and < 500 and not 408 and not 429 ? HostExitCodes.Refused : HostExitCodes.Failed);
        }
        catch (UnauthorizedAccessException e)
        {
            return Say($"{e.Message} Run it as root.", HostExitCodes.Refused);
        }
        catch (IOException e)
        {
            return Say(e.Message, HostExitCodes.Failed);
        }
        catch (OperationCanceledException)
        {
            return Interrupted;
        }
    }

    private static int Say(string what, int exitCode)
    {
        Console.Error.WriteLine(what);
        return exitCode;
    }
}
