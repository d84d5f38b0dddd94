using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Baremetal.Trust;
using Baremetal.VmRunner.Supervisor;

namespace Baremetal.VmRunner.Host;

/// <summary>
/// A line of <c>docker run</c>, as RancherVM's documents have it, read for a VM: what may be said of its container is passed on, what we do ourselves is
/// dropped, and what a VM cannot have is refused by its name.
/// </summary>
/// <param name="Image">That the VM is made from.</param>
/// <param name="Options">For the engine, as <c>--name=value</c>.</param>
/// <param name="Environment">Of <c>-e</c>.</param>
/// <param name="Arguments">Behind the image; none: those that the image brings.</param>
internal sealed record DockerRunLine(string Image, IReadOnlyList<string> Options, IReadOnlyDictionary<string, string> Environment, IReadOnlyList<string> Arguments)
{
    private static readonly Dictionary<char, string> _letters = new()
    {
        ['e'] = "env",
        ['v'] = "volume",
        ['p'] = "publish",
        ['h'] = "hostname",
        ['l'] = "label",
        ['m'] = "memory",
        ['c'] = "cpu-shares",
        ['d'] = "detach",
        ['i'] = "interactive",
        ['t'] = "tty",
    };

    private static readonly string[] _switches = ["detach", "interactive", "tty", "rm", "privileged", "read-only", "init", "publish-all"];

    private static readonly string[] _passedOn = ["detach", "rm", "name", "hostname", "publish", "network", "net", "ip", "mac-address", "dns", "dns-search", "add-host", "network-alias", "label", "restart", "cidfile"];

    // We give a VM's container these, whether they are asked for or not; its supervisor reads no terminal.
    private static readonly string[] _ours = ["interactive", "tty", "read-only"];
    private static readonly string[] _capabilities = ["NET_ADMIN", "CAP_NET_ADMIN"];
    private static readonly string[] _devices = ["/dev/kvm", "/dev/net/tun"];

    /// <summary>Where a VM's container looks for what a host gives it.</summary>
    private static readonly string[] _places = ["/ranchervm", "/vm", "/image", "/iso", "/meta"];

    private static readonly Dictionary<string, string> _refused = new(StringComparer.Ordinal)
    {
        ["memory"] = "The guest's memory is -e MEMORY_MB=…; the container's limit follows it.",
        ["cpus"] = "The guest's processors are -e CPUS=….",
        ["link"] = "Put both on one network (--network): containers and VMs find each other there by name.",
        ["privileged"] = "Leave it out: a VM's container needs no more than it is given.",
        ["entrypoint"] = "What an image of a VM brings to be run is not run; its disk is.",
    };

    public static bool TryRead(IReadOnlyList<string> line, [NotNullWhen(true)] out DockerRunLine? read, [NotNullWhen(false)] out Rejection? refusal)
    {
        read = null;
        var options = new List<string>();
        var environment = new Dictionary<string, string>(StringComparer.Ordinal);
        var at = 0;
        while (at < line.Count && line[at] is ['-', _, ..] word)
        {
            at++;
            foreach (var (name, given) in OptionsIn(word))
            {
                var value = given;
                if (value is null && !_switches.Contains(name))
                {
                    if (at == line.Count)
                        return Fail(new Rejection($"{word} has no value."), out refusal);
                    value = line[at++];
                }
                if (Take(name, value, options, environment) is { } why)
                    return Fail(why, out refusal);
            }
        }
        if (at == line.Count)
            return Fail(new Rejection("The line names no image.", "It is: vm-runner docker-run [OPTIONS] IMAGE [ARGUMENTS], as of docker run."), out refusal);
        read = new DockerRunLine(line[at], options, environment, [.. line.Skip(at + 1)]);
        refusal = null;
        return true;
    }

    /// <summary>What the engine is told.</summary>
    public bool TryPlan(VmImage image, string baseImage, HostSettings settings, [NotNullWhen(true)] out string[]? plan, [NotNullWhen(false)] out Rejection? refusal)
    {
        plan = null;
        var environment = new Dictionary<string, string>(Environment, StringComparer.Ordinal);
        environment.TryAdd("RANCHER_VM", "true");
        environment.TryAdd("VM_ACCELERATOR", settings.Accelerator);
        if (image.Options.Disk is { } disk)
            environment.TryAdd("KVM_BLK_OPTS", disk);
        if (image.Options.Card is { } card)
            environment.TryAdd("KVM_NET_OPTS", card);
        VmSettings guest;
        var arguments = Arguments.Count > 0 ? Arguments : image.Options.Arguments;
        try
        {
            // What its supervisor would refuse in a moment, with its own words.
            guest = VmSettings.Read(environment, arguments);
        }
        catch (SupervisorException e)
        {
            refusal = new Rejection(e.Message);
            return false;
        }
        refusal = null;
        plan =
        [
            "run",
            .. Options,
            .. environment.Select(one => $"--env={one.Key}={one.Value}"),
            .. ContainerPlan.Walls(guest.Accelerator, guest.MemoryMb, guest.Processors),
            $"--stop-timeout={((int)guest.StopWithin.TotalSeconds + ContainerPlan.PatienceSeconds).ToString(CultureInfo.InvariantCulture)}",
            "--pull=never",
            $"--mount=type=image,source={image.Id},destination=/vmimage",
            baseImage,
            .. arguments,
        ];
        return true;
    }

    private static Rejection? Take(string name, string? value, List<string> options, Dictionary<string, string> environment)
    {
        switch (name)
        {
            case "env":
                var (variable, content) = value!.Split('=', 2) is [var before, var after] ? (before, after) : (value, System.Environment.GetEnvironmentVariable(value) ?? "");
                environment[variable] = content;
                return null;
            case "cap-add":
                return _capabilities.Contains(value) ? null : new Rejection($"--cap-add {value} is not for a VM's container.", "Leave it out: it has what it needs.");
            case "device":
                return _devices.Contains(value!.Split(':')[0]) ? null : new Rejection($"--device {value} is not for a VM: its guest sees none of the host's devices.", "Leave it out.");
            case "volume":
                if (value!.Split(':') is not [var source, var place, ..] || !_places.Contains(place) || !Path.IsPathRooted(source))
                    return new Rejection($"--volume {value} leads to nothing that a VM's container knows.", $"It is a folder of the host, given with its whole path, for one of {string.Join(", ", _places)}.");
                options.Add($"--volume={value}");
                return null;
            case "network" or "net" when value is "host" or "none" || value!.StartsWith("container:", StringComparison.Ordinal):
                return new Rejection($"--{name} {value} is not for a VM, which takes over the network that its container has.", "Name a network of the engine's: 'podman network ls' has them.");
            default:
                if (_ours.Contains(name))
                    return null;
                if (!_passedOn.Contains(name))
                    return new Rejection($"--{name} is not for a VM's container.", _refused.GetValueOrDefault(name, "'vm-runner docker-run --help' has what is."));
                options.Add(value is null ? $"--{name}" : $"--{name}={value}");
                return null;
        }
    }

    // --name=value, --name (its value may follow), -nVALUE, or several letters of which only the last may have a value.
    private static IEnumerable<(string Name, string? Value)> OptionsIn(string word)
    {
        if (word.StartsWith("--", StringComparison.Ordinal))
        {
            yield return word[2..].Split('=', 2) is [var name, var value] ? (name, value) : (word[2..], null);
            yield break;
        }
        for (var at = 1; at < word.Length; at++)
        {
            var name = _letters.GetValueOrDefault(word[at], word[at..]);
            if (_switches.Contains(name))
            {
                yield return (name, null);
                continue;
            }
            yield return (name, at + 1 < word.Length ? word[(at + 1)..].TrimStart('=') : null);
            yield break;
        }
    }

    private static bool Fail(Rejection why, out Rejection refusal)
    {
        refusal = why;
        return false;
    }
}
