using System.CommandLine;
using Baremetal.Api;

namespace Baremetal.Cli.Runners;

/// <summary><c>conductor runner …</c>: the machines that run VMs.</summary>
internal static class RunnerCommands
{
    /// <summary>In every command that names one.</summary>
    private static Argument<string> Name() => new("RUNNER") { Description = "Its name or its id." };

    public static Verb List() => new(
        "list",
        "Shows all runners: whether they take VMs, what they have, and what of it is promised.",
        "conductor runner list",
        async (call, cancel) =>
        {
            using var conductor = call.Connect();
            var runners = await conductor.ListRunnersAsync(cancel).ToArrayAsync(cancel);
            call.Show(new Page<Runner>(runners, null), CliJson.Api.PageRunner, (screen, page) => RunnerViews.List(screen, page.Items, call.Now));
            return ExitCodes.Done;
        });

    public static Verb Show()
    {
        var name = Name();
        return new Verb(
            "show",
            "Shows one runner in full: what it has, what its VMs were promised, and what it lacks.",
            "conductor runner show kvm1",
            async (call, cancel) =>
            {
                using var conductor = call.Connect();
                call.Show(await conductor.GetRunnerAsync(call.Require(name), cancel), CliJson.Api.Runner, RunnerViews.Show);
                return ExitCodes.Done;
            })
        {
            name,
        };
    }

    public static Verb Remove()
    {
        var name = Name();
        var force = new Option<bool>("--force") { Description = "Forgets its VMs too: those that run there run on, and nobody here knows of them any more." };
        return new Verb(
            "remove",
            "Shuts a runner out and forgets it. The machine itself stays as it is; one that has VMs is not removed.",
            """
            conductor runner remove kvm1
            conductor runner remove kvm1 --force
            """,
            async (call, cancel) =>
            {
                using var conductor = call.Connect();
                await conductor.RemoveRunnerAsync(call.Require(name), call.Get(force), cancel);
                if (!call.WantsJson)
                    call.Out.Line($"Removed {call.Require(name)}: it is shut out from now on. The machine itself was not touched.");
                return ExitCodes.Done;
            })
        {
            name,
            force,
        };
    }

    public static Verb Token()
    {
        var name = new Option<string>("--name") { HelpName = "NAME", Description = "What the runner shall be called; its host name if not given." };
        var time = new Option<string>("--for") { HelpName = "TIME", Description = "How long the token is good, such as 30m or 2d; 1h if not given." };
        var rejoin = new Option<bool>("--rejoin") { Description = "For a runner that was set up anew, or away for too long: it keeps its name and its VMs, and gets a new key." };
        return new Verb(
            "token",
            "Makes a token by which one machine joins as a runner. It is shown this once: give it to 'vm-runner join' there.",
            """
            conductor runner token
            conductor runner token --name kvm1 --for 2h
            conductor runner token --name kvm1 --rejoin
            """,
            async (call, cancel) =>
            {
                var ask = new NewRunnerToken(call.Get(name), call.Get(time) is { } text ? TimeSpanWord.SecondsOf(text, "--for") : NewRunnerToken.UsualSeconds, call.Get(rejoin));
                if (ask is { Rejoin: true, Name: null })
                    throw Failure.WrongUsage("--rejoin is for a runner that there is, and none is named.", "Name it with --name; 'conductor runner list' shows all.");
                using var conductor = call.Connect();
                var token = await conductor.MakeRunnerTokenAsync(ask, cancel);
                call.Show(token, CliJson.Api.RunnerToken, (screen, made) => RunnerViews.Token(screen, made, conductor.Server));
                return ExitCodes.Done;
            })
        {
            name,
            time,
            rejoin,
        };
    }
}
