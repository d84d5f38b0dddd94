using System.CommandLine;

namespace Baremetal.VmRunner.Host;

/// <summary><c>vm-runner docker-run</c>: a VM by the line that RancherVM documents, without a conductor.</summary>
internal static class DockerRunCommand
{
    public static Command Create()
    {
        var options = new HostOptions();
        var line = new Argument<string[]>("line") { HelpName = "OPTIONS… IMAGE [ARGUMENTS…]", Arity = ArgumentArity.OneOrMore, Description = "As of docker run. Options of this command stand before it, and a -- between them." };
        var command = new Command(
            "docker-run",
            """
            Runs one VM by a line of docker run, as RancherVM's documents have it, in a container that this program makes: the image is the disk, and none of its programs is run.
            Such a VM is the host's own: no conductor knows of it, and it is started, stopped and removed by podman.

              vm-runner docker-run -d --name web -p 8080:80 -e MEMORY_MB=1024 --cap-add NET_ADMIN -v /run/vms:/ranchervm registry.example/team/web:1

            Of docker run's options it takes -d, -e, -v, -p, -h, -l, --rm, --name, --network, --ip, --mac-address, --dns, --add-host, --network-alias, --restart.
            """) { line };
        options.AddTo(command);
        command.SetAction((parse, cancel) => HostShell.RunAsync(() => RunAsync(options.Read(parse), parse.GetValue(line)!, cancel)));
        return command;
    }

    /// <summary>A line of docker run is pasted as it is, and some of its options have names of ours.</summary>
    public static string[] WithLineApart(string[] arguments) =>
        arguments is ["docker-run", not ("--help" or "-?"), ..] && !arguments.Contains("--") ? ["docker-run", "--", .. arguments[1..]] : arguments;

    private static async Task<int> RunAsync(HostSettings settings, string[] given, CancellationToken cancel)
    {
        if (!DockerRunLine.TryRead(given, out var line, out var refusal))
            throw HostFailure.WrongUsage(refusal.Cause, refusal.Remedy);
        var engine = new Engine(settings.Engine);
        var baseImage = new BaseImage(engine, settings.Base);
        using var images = new VmImages(engine, settings.State, new HostLog(Console.Error));
        try
        {
            await baseImage.LoadAsync(cancel);
            var image = await images.GetAsync(line.Image, certificates: null, () => { }, cancel);
            if (!line.TryPlan(image, baseImage.Id!, settings, out var plan, out refusal))
                throw HostFailure.Refused(refusal.Cause, refusal.Remedy);
            return await engine.RunInFrontAsync(plan);
        }
        catch (VmRefusedException e)
        {
            throw HostFailure.Refused(e.Message);
        }
        catch (EngineException e)
        {
            throw HostFailure.Failed(e.Message);
        }
    }
}
