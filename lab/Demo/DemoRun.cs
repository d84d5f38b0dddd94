using System.Globalization;
using System.Runtime.InteropServices;
using Baremetal.Api;

namespace Baremetal.Lab.Demo;

/// <summary>
/// The whole way, once: a network, a conductor and virtual servers; sign, enrol, inspect, approve, deploy, boot, log in. Exit code 0 when
/// every server was logged into.
/// </summary>
internal sealed class DemoRun(DemoOptions options, DemoScreen screen)
{
    // As a shell has it for a program that Ctrl-C ended.
    private const int Interrupted = 130;

    private const string ImageName = "debian-12";

    public static async Task<int> MainAsync(string[] args)
    {
        if (!DemoOptions.TryParse(args, out var options))
        {
            Console.Error.WriteLine($"lab demo does not know '{string.Join(' ', args)}'; ./demo.sh --help lists what it knows");
            return 2;
        }
        using var interrupted = new CancellationTokenSource();
        // Ctrl-C, kill and a closed terminal remove all that was started; a second one ends at once, and the next lab sweeps up.
        using var pressed = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
        using var killed = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
        using var hungUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, End);
        var screen = new DemoScreen(Console.Out, terminal: !Console.IsOutputRedirected);
        return await new DemoRun(options, screen).RunAsync(interrupted.Token);

        void End(PosixSignalContext signal)
        {
            signal.Cancel = !interrupted.IsCancellationRequested;
            interrupted.Cancel();
        }
    }

    private async Task<int> RunAsync(CancellationToken cancel)
    {
        Lan? lan = null;
        LabSite? site = null;
        var stage = "set-up";
        try
        {
            lan = await Lan.CreateAsync(cancel);
            screen.Note($"a network of its own: namespace {lan.Conductor.Namespace}, bridge br0, {Lan.ConductorAddress}/{Lan.PrefixLength}; logs in {lan.Folder}");

            screen.Note(lan.Accelerator == Accelerator.Kvm
                ? "servers run on this machine's processors (KVM)"
                : $"servers are emulated, so all of their times are several times what hardware needs; {Accelerator.Variable}=kvm uses KVM where it works");

            stage = "conductor";
            var journeys = new List<NodeJourney>();
            var settings = new LabSiteSettings
            {
                ImageFile = BuildOutputs.DebianImage,
                ImageName = ImageName,
                SigningFolder = Path.Combine(BuildOutputs.Root, "build", "demo"),
            };
            site = await LabSite.OpenAsync(lan, settings, cancel);
            screen.Note($"the image is signed: {Path.GetRelativePath(BuildOutputs.Root, site.Image.ManifestFile)} ({Size.Of(new FileInfo(site.Image.SourceFile).Length)} compressed)");
            screen.Note($"the conductor serves: DHCP and TFTP on br0, http://{Lan.ConductorAddress}:8080, https://{Lan.ConductorAddress}:8443");

            stage = "servers";
            var ssh = await SshKey.CreateAsync(lan.Folder, cancel);
            for (var number = 1; number <= options.Nodes; number++)
            {
                var firmware = options.Firmware ?? (number % 2 == 1 ? FirmwareMode.Bios : FirmwareMode.Uefi);
                var server = await lan.AddServerAsync(VirtualServerSpec.Numbered(number, firmware), cancel);
                screen.Say(server.Spec.Name, "server", $"{firmware.ToString().ToUpperInvariant()}, {server.Spec.Mac}, an empty disk of {Size.Of(server.Spec.Disks[0].SizeBytes)}, off");
                journeys.Add(new NodeJourney(server, site, ssh, screen));
            }

            stage = "deploy";
            var failures = await WhileItServesAsync(site.Conductor, served => RunJourneysAsync(journeys, lan, served), cancel);
            if (failures > 0)
                return Failed(lan, failures);

            SummaryTable.Show(screen, journeys, site.Image);
            if (options.Keep)
                await KeepAsync(lan, site.Conductor, ssh, journeys, cancel);
            return 0;
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            screen.Note("interrupted: removing all that was started");
            return Interrupted;
        }
        catch (Exception e) when (e is InvalidOperationException or IOException or TimeoutException or UnauthorizedAccessException)
        {
            screen.Note($"FAILED at {stage}: {e.Message}");
            return lan is null ? 1 : Failed(lan, 1);
        }
        finally
        {
            if (site is not null)
                await site.DisposeAsync();
            if (lan is not null)
                await lan.DisposeAsync();
        }
    }

    /// <summary>Without its conductor no server gets anywhere, and the commands would ask for it for minutes.</summary>
    private static async Task<int> WhileItServesAsync(LabConductor conductor, Func<CancellationToken, Task<int>> run, CancellationToken cancel)
    {
        using var served = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var running = run(served.Token);
        if (await Task.WhenAny(running, conductor.Ended) == running)
            return await running;
        await served.CancelAsync();
        await ((Task)running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancel.ThrowIfCancellationRequested();
        throw new InvalidOperationException($"the conductor ended by itself, with exit code {await conductor.Ended}. What it said is in {conductor.LogPath}.");
    }

    private async Task<int> RunJourneysAsync(IReadOnlyList<NodeJourney> journeys, Lan lan, CancellationToken cancel)
    {
        var failures = 0;
        await Task.WhenAll(journeys.Select(async journey =>
        {
            try
            {
                await journey.RunAsync(cancel);
            }
            catch (OperationCanceledException)
            {
                screen.ProgressEnds(journey.Name);
                screen.Say(journey.Name, "stopped", $"at {journey.Stage}");
                throw;
            }
            catch (Exception e) when (e is InvalidOperationException or IOException or TimeoutException)
            {
                Interlocked.Increment(ref failures);
                screen.ProgressEnds(journey.Name);
                screen.Say(journey.Name, "FAILED", $"at {journey.Stage}: {e.Message}");
                screen.Say(journey.Name, "FAILED", $"its console: {Path.Combine(lan.Folder, journey.Name, "serial.log")}");
            }
        }));
        return failures;
    }

    private int Failed(Lan lan, int failures)
    {
        lan.KeepFolder = true;
        screen.Note(string.Create(CultureInfo.InvariantCulture, $"{failures} failure(s). All logs are kept in {lan.Folder}: conductor.log, and a folder for each server with its console."));
        return 1;
    }

    private async Task KeepAsync(Lan lan, LabConductor conductor, SshKey ssh, IReadOnlyList<NodeJourney> journeys, CancellationToken cancel)
    {
        var inside = $"ip netns exec {lan.Conductor.Namespace}";
        var environment = string.Join(' ', conductor.ClientEnvironment.Where(one => one.Key != "CONDUCTOR_TOKEN").Select(one => $"{one.Key}={one.Value}"));
        screen.Plain("");
        screen.Plain("All is left running until Ctrl-C. From another terminal:");
        screen.Plain($"  the operator's commands:  conductor() {{ {environment} CONDUCTOR_TOKEN=$(cat {Path.Combine(conductor.StateDirectory, "admin.token")}) \\");
        screen.Plain($"                              {inside} {BuildOutputs.Conductor} \"$@\"; }}");
        screen.Plain("                            conductor node list");
        foreach (var journey in journeys)
        {
            var node = await conductor.NodeAsync(journey.Name, cancel);
            screen.Plain($"  log in to {journey.Name}:         {inside} ssh -i {ssh.PrivateFile} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null {SshKey.User}@{node.Address}");
        }
        screen.Plain($"  consoles and logs:        {lan.Folder}");
        await Task.Delay(Timeout.InfiniteTimeSpan, cancel).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }
}
