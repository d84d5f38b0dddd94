using System.CommandLine;

namespace Baremetal.VmRunner.Host;

/// <summary>What <c>run</c> and <c>preflight</c> are told of their host.</summary>
internal sealed class HostOptions
{
    private const string UsualContainersConf = "/etc/baremetal-runner/containers.conf";

    private readonly Option<string> _state = State();
    private readonly Option<string> _base = new("--base") { Description = "The file with the containers' base image.", DefaultValueFactory = _ => HostSettings.UsualBase };
    private readonly Option<string?> _accelerator = new("--accelerator") { Description = "kvm, or tcg to emulate processors where there is no KVM, slowly. Default: the variable VM_ACCELERATOR, or kvm." };
    private readonly Option<string> _network = new("--network") { Description = "The engine's network that VMs are put on; it is made if it is not there.", DefaultValueFactory = _ => HostSettings.UsualNetwork };
    private readonly Option<string?> _store = new("--engine-store") { Description = "A folder for all that podman keeps. Default: podman's own." };
    private readonly Option<string?> _conf = new("--containers-conf") { Description = $"podman's containers.conf. Default: {UsualContainersConf}, or podman's own where that is missing." };
    private readonly Option<int?> _reserve = new("--reserve-mb") { Description = "How much memory is kept from VMs, in MiB. Default: a sixteenth, 512 at least." };

    public static Option<string> State() => new("--state") { Description = "The folder of key, identity and VMs.", DefaultValueFactory = _ => StateFolder.Usual };

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _state, _base, _accelerator, _network, _store, _conf, _reserve })
            command.Add(option);
    }

    public HostSettings Read(ParseResult parse)
    {
        var accelerator = parse.GetValue(_accelerator) ?? (Environment.GetEnvironmentVariable("VM_ACCELERATOR") is { Length: > 0 } named ? named : "kvm");
        if (accelerator is not ("kvm" or "tcg"))
            throw HostFailure.WrongUsage($"The accelerator is '{accelerator}'; there are kvm and tcg.");
        if (parse.GetValue(_reserve) is < 0)
            throw HostFailure.WrongUsage("--reserve-mb is below 0.");
        var conf = parse.GetValue(_conf) ?? (File.Exists(UsualContainersConf) ? UsualContainersConf : null);
        return new HostSettings(
            new StateFolder(parse.GetValue(_state)!), parse.GetValue(_base)!, accelerator, parse.GetValue(_network)!, new EngineSettings(parse.GetValue(_store), conf), parse.GetValue(_reserve));
    }
}

/// <param name="State">Where this runner keeps its things.</param>
/// <param name="Base">The file with the containers' base image.</param>
/// <param name="Accelerator"><c>kvm</c> or <c>tcg</c>.</param>
/// <param name="Network">That VMs are put on whose order names none.</param>
/// <param name="Engine">podman's.</param>
/// <param name="ReserveMb">What is kept from VMs, in MiB; null for the usual.</param>
internal sealed record HostSettings(StateFolder State, string Base, string Accelerator, string Network, EngineSettings Engine, int? ReserveMb)
{
    public const string UsualBase = "/usr/lib/baremetal-runner/base.tar";
    public const string UsualNetwork = "baremetal";
}
