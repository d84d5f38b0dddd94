using Baremetal.Api;
using Baremetal.Cli.Display;

namespace Baremetal.Cli.Runners;

/// <summary>Runners as people read them.</summary>
internal static class RunnerViews
{
    public static void List(Screen screen, Runner[] runners, DateTimeOffset now)
    {
        if (runners.Length == 0)
        {
            screen.Line("There are no runners yet. 'conductor runner token' lets the first one join.");
            return;
        }
        var table = new Table("NAME", "STATE", "SINCE", "VMS", "PROCESSORS", "MEMORY FREE", "ADDRESS", "CAUSE");
        foreach (var runner in runners.OrderBy(runner => runner.Name, StringComparer.Ordinal))
        {
            table.Add(
                runner.Name,
                StateOf(runner),
                Units.Age(now - runner.Since),
                $"{runner.Used.Vms}",
                runner.Capacity is { } has ? $"{has.Processors}" : "",
                runner.Capacity is { } memory ? FreeOf(memory, runner.Used) : "",
                runner.Address,
                new Run(runner.Cause ?? "", Tone.Bad));
        }
        table.Write(screen);
    }

    public static void Show(Screen screen, Runner runner)
    {
        var sheet = new Sheet();
        sheet.Add("Name", runner.Name);
        sheet.Add("Id", runner.Id);
        sheet.Add("State", $"{Word<RunnerState>.Of(runner.State)} since {Units.Time(runner.Since)}", StateOf(runner).Tone);
        sheet.Add("Cause", runner.Cause, Tone.Bad);
        sheet.Add("Node", runner.Node);
        sheet.Add("Address", runner.Address);
        sheet.Add("Version", runner.Version.Length > 0 ? runner.Version : null);
        sheet.Add("Joined", Units.Time(runner.JoinedAt));
        sheet.Add("Last seen", Units.Time(runner.LastSeen));
        sheet.Add("VMs", $"{runner.Used.Vms}, with {Units.Count(runner.Used.Processors, "processor")} and {Memory(runner.Used.MemoryMb)}");
        if (runner.Capacity is { } has)
        {
            sheet.Add("Processors", $"{has.Processors}");
            sheet.Add("Memory", $"{FreeOf(has, runner.Used)} free");
            sheet.Add("Disk", $"{Units.BytesOf(has.DiskFreeBytes, has.DiskBytes)} free");
            sheet.Add("Accelerator", has.Accelerator == "tcg" ? "tcg: processors are emulated, and VMs are slow" : has.Accelerator);
            sheet.Add("Engine", has.Engine);
            sheet.Add("Networks", string.Join(", ", has.Networks));
        }
        sheet.Write(screen);
        if (runner.Preflight.Length == 0)
            return;
        screen.Line();
        var checks = new Table("CHECK", "PASSED", "FINDING");
        foreach (var check in runner.Preflight)
            checks.Add(check.Name, check.Passed ? new Run("yes", Tone.Good) : new Run("no", Tone.Bad), check.Finding);
        checks.Write(screen);
        foreach (var check in runner.Preflight.Where(check => check is { Passed: false, Remedy: not null }))
            Prose.WriteUnder(screen, new Run($"{check.Name}: ", Tone.Faint), check.Remedy!);
    }

    public static void Token(Screen screen, RunnerToken token, Uri server)
    {
        screen.Line($"A token for {(token.Name is null ? "one runner, which is called as its host" : $"runner {token.Name}")}, good until {Units.Time(token.Expires)}:");
        screen.Line();
        screen.Line($"  {token.Token}");
        screen.Line();
        screen.Line("It is shown this once. On the machine, with the token in a file:");
        screen.Line();
        // What this machine calls itself leads nowhere from another.
        screen.Line($"  vm-runner join --server https://{(server.IsLoopback ? "CONDUCTOR" : server.Host)}:{server.Port} --token-file FILE \\");
        screen.Line($"    --pin {token.CaPin}");
    }

    private static string FreeOf(RunnerCapacity has, RunnerUse used) => Units.BytesOf(Math.Max(0, has.MemoryMb - (long)used.MemoryMb) << 20, (long)has.MemoryMb << 20);

    private static string Memory(int mb) => Units.Bytes((double)mb * (1 << 20));

    private static Run StateOf(Runner runner) => new(Word<RunnerState>.Of(runner.State), runner.State switch
    {
        RunnerState.Ready => Tone.Good,
        RunnerState.Lost or RunnerState.Failed => Tone.Bad,
        _ => Tone.Busy,
    });
}
