using System.Diagnostics;
using System.Text.Json;
using Baremetal.Api;

namespace Baremetal.Lab.Demo;

/// <summary>One server's way from power-on to an SSH login, ordered through the operator's commands, with the time that each stage took.</summary>
internal sealed class NodeJourney(VirtualServer server, LabSite site, SshKey ssh, DemoScreen screen)
{
    private static readonly TimeSpan LoginPromptBound = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan SshBound = TimeSpan.FromMinutes(5);

    private readonly Stopwatch _clock = new();
    private readonly LabConductor _conductor = site.Conductor;

    public string Name => server.Spec.Name;

    public FirmwareMode Firmware => server.Spec.Firmware;

    /// <summary>What it is doing now: named when it fails.</summary>
    public string Stage { get; private set; } = "enrol";

    public List<(string Stage, TimeSpan Took)> Stages { get; } = [];

    public Job? Deploy { get; private set; }

    public async Task RunAsync(CancellationToken cancel)
    {
        _clock.Start();
        await CommandAsync(await site.EnrolCommandAsync(server, cancel), cancel);

        Stage = "inspect";
        await FollowAsync(["node", "inspect", Name], cancel);
        ShowInventory(await _conductor.NodeAsync(Name, cancel));
        Stages.Add(("to agent", Lap()));

        Stage = "approve";
        await CommandAsync(["node", "approve", Name], cancel);
        _ = Lap();

        Stage = "deploy";
        var bootedFrom = server.Serial.Mark;
        Deploy = await FollowAsync(["deploy", Name, "--image", site.Image.Name, "--hostname", Name, "--ssh-key", ssh.PublicFile, "--wait-for", "phone-home"], cancel);
        Stages.Add(("write", StepTook(OrderSteps.WriteImage)));

        Stage = "login";
        _ = await server.Serial.WaitForPromptAsync($"{Name} login:", LoginPromptBound, bootedFrom, cancel);
        screen.Say(Name, Stage, $"the console shows '{Name} login:'");
        Stage = "ssh";
        var address = (await _conductor.NodeAsync(Name, cancel)).Address ?? throw new InvalidOperationException($"The conductor has not seen an address of {Name}.");
        var said = await ssh.LoginAsync(site.Lan.Conductor, address, "hostname; cat /etc/debian_version", SshBound, cancel);
        if (said[0] != Name)
            throw new InvalidOperationException($"The server at {address} calls itself '{said[0]}', not {Name}.");
        screen.Say(Name, Stage, $"ssh {SshKey.User}@{address}: this is {said[0]}, Debian {said[1]}");
        Stages.Add(("to login", Lap() - StepTook(OrderSteps.WriteImage)));
    }

    private TimeSpan Lap()
    {
        var lap = _clock.Elapsed;
        _clock.Restart();
        return lap;
    }

    private TimeSpan StepTook(string step) =>
        Deploy!.Steps.Where(one => one.Name == step).Aggregate(TimeSpan.Zero, (sum, one) => sum + ((one.Ended ?? one.Started) - one.Started));

    private async Task CommandAsync(string[] arguments, CancellationToken cancel)
    {
        screen.Command(Name, $"conductor {string.Join(' ', arguments)}");
        await _conductor.RunAsync(arguments, cancel);
    }

    /// <summary>Orders a job, and shows what happens until it has ended.</summary>
    private async Task<Job> FollowAsync(string[] arguments, CancellationToken cancel)
    {
        screen.Command(Name, $"conductor {string.Join(' ', arguments)}");
        var started = await _conductor.QueryAsync(arguments, ApiJson.Default.Job, cancel);
        var watch = await _conductor.TryRunAsync(["job", "watch", started.Id, "--output", "json"], Show, cancel);
        screen.ProgressEnds(Name);
        var ended = await _conductor.QueryAsync(["job", "show", started.Id], ApiJson.Default.Job, cancel);
        return ended.Outcome == JobOutcome.Done && watch.ExitCode == 0
            ? ended
            : throw new InvalidOperationException($"{arguments[0]} ended as {ended.Outcome}: {ended.Cause ?? watch.Output}");
    }

    private void Show(string line)
    {
        if (!line.StartsWith('{') || JsonSerializer.Deserialize(line, ApiJson.Default.Event) is not { } seen)
            return;
        switch (seen.Kind)
        {
            case EventKinds.Progress when seen.Progress is { } progress:
                screen.Progress(Name, progress);
                break;
            case EventKinds.NodeSeen when seen.Text is { } text:
                screen.Say(Name, "network", text);
                break;
            case EventKinds.StepStarted:
                Stage = seen.Step ?? Stage;
                screen.Say(Name, "step", seen.Text is { } attempt ? $"{seen.Step}: {attempt}" : $"{seen.Step}");
                break;
            case EventKinds.StepEnded:
                screen.ProgressEnds(Name);
                if (seen.Text is { } result)
                    screen.Say(Name, "step", $"{seen.Step}: {result}");
                break;
        }
    }

    private void ShowInventory(Node node)
    {
        if (node.Inventory is not { } found)
            throw new InvalidOperationException($"{Name} was inspected, but the conductor has no inventory of it.");
        var disks = string.Join(", ", found.Disks.Select(disk => $"{disk.Name} {Size.Of(disk.SizeBytes)} (serial {disk.Serial})"));
        var nics = string.Join(", ", found.NetworkInterfaces.Select(nic => $"{nic.Name} {nic.Mac}"));
        screen.Say(Name, "inventory", $"{found.Firmware.ToString().ToLowerInvariant()}, {found.Processor.Threads} × {found.Processor.Architecture}, {Size.Of(found.MemoryBytes)}, {disks}, {nics}");
    }
}
