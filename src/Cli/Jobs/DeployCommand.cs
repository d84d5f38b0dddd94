using System.CommandLine;
using System.Text;
using System.Text.Json;
using Baremetal.Api;
using Baremetal.Cli.Nodes;

namespace Baremetal.Cli.Jobs;

/// <summary><c>conductor deploy</c>: the command that all others are there for.</summary>
internal static class DeployCommand
{
    private const int MaxUserDataBytes = 1 << 20;

    public static Verb Create()
    {
        var nodes = NodeCommands.Names();
        var image = new Option<string>("--image") { HelpName = "NAME[:VERSION]", Required = true, Description = "An image of the catalogue, as 'conductor image list' shows it." };
        var rootDevice = new Option<string[]>(RootDeviceOption.Name)
        {
            HelpName = "HINT",
            Description = "Which disk to write, needed where there are several: serial=…, wwn=…, model=…, by-path=…, name=…, bus=nvme, rotational=no, size=BYTES, size>=400GB or size<=1TB. Given again, all must hold, for exactly one disk.",
        };
        var hostname = new Option<string>("--hostname") { HelpName = "NAME", Description = "What the installed system calls itself." };
        var sshKeys = new Option<string[]>("--ssh-key") { HelpName = "FILE", Description = "A public key that may log in; may be given again." };
        var userData = new Option<string>("--user-data") { HelpName = "FILE", Description = "Cloud-init user data, handed to the installed system as it is; - reads it from standard input." };
        var template = new Option<bool>("--template") { Description = "The user data is a template: {{name}}, {{hostname}}, {{mac}}, {{serial}} and others become the node's. --dry-run shows it filled." };
        var variables = new Option<string[]>("--var") { HelpName = "NAME=VALUE", Description = "A variable for --template, where it is {{var.NAME}}; may be given again." };
        var networkData = new Option<string>("--network-data") { HelpName = "FILE", Description = "The installed system's network, as OpenStack's network_data.json: links, networks, services. DHCP on all cards if not given." };
        var swap = new Option<string>("--swap") { HelpName = "SIZE", Description = "Of a swap partition at the disk's end, such as 4GiB; for a partition image." };
        var removeConfigDrives = new Option<string[]>("--remove-config-drive") { HelpName = "HINT", Description = "A disk whose config drive, of an earlier life, is removed, by a hint of --root-device; given again, another disk. Where one is left, cloud-init might read it in place of this deploy's: then the deploy is refused." };
        var kexec = new Option<bool>("--kexec") { Description = "Starts the installed kernel from the ramdisk and passes the firmware over, which takes minutes on many servers; for a partition image." };
        var role = new Option<NodeRole>("--role") { HelpName = "none|runner", CustomParser = Word<NodeRole>.Parse, Description = "What the installed system is made into. runner: it installs vm-runner at its first boot, joins this conductor and runs VMs; the image needs cloud-init." };
        var waitFor = new Option<BootSign?>("--wait-for") { HelpName = "network|phone-home", CustomParser = Word<BootSign>.ParseOptional, Description = "What ends it well: network, if not given: the installed system asks for an address. phone-home: its cloud-init says that it is up, and tells its SSH host keys." };
        var dryRun = new Option<bool>("--dry-run") { Description = "Checks all that can be checked, and starts nothing." };
        var wait = JobCommands.Wait();
        return new Verb(
            "deploy",
            "Writes an image to a node's disk, verified chunk by chunk, and boots it.",
            """
            conductor deploy r7 --image debian-12 --ssh-key ~/.ssh/id_ed25519.pub --wait
            conductor deploy r8 r9 r10 --image debian-12 --user-data web.yaml
            conductor deploy kvm1 --image debian-12 --role runner --wait
            """,
            async (call, cancel) =>
            {
                var all = call.Require(nodes);
                if (all.Length > 1 && call.Get(hostname) is not null)
                    throw Failure.WrongUsage("--hostname is one name, and the nodes are several.", "Without it each is called as its node.");
                var deployment = new DeployNode(
                    call.Require(image),
                    RootDeviceOption.Read(call.Get(rootDevice) ?? []),
                    call.Get(hostname),
                    SshKeyFiles.Read(call.Get(sshKeys) ?? []),
                    call.Get(userData) is { } file ? UserDataOf(call, file) : null,
                    call.Get(dryRun),
                    call.Get(waitFor),
                    call.Get(networkData) is { } network ? NetworkDataOf(network) : null,
                    call.Get(swap) is { } size ? SwapOf(size) : null,
                    call.Get(removeConfigDrives) is { Length: > 0 } disks ? Array.ConvertAll(disks, hint => RootDeviceOption.Read([hint], "--remove-config-drive")!) : null,
                    VariablesOf(call.Get(template), call.Get(variables) ?? []),
                    call.Get(kexec),
                    call.Get(role));
                using var follower = new JobFollower(call);
                if (!deployment.DryRun)
                    return await follower.StartAsync(all, node => follower.Conductor.DeployAsync(node, deployment, cancel), call.Get(wait), cancel);
                return await OneByOne.RunAsync(call, all, async node =>
                {
                    call.Show(await follower.Conductor.DeployAsync(node, deployment, cancel), CliJson.Api.Job,
                        (screen, planned) => DryRunView.Show(screen, planned, deployment, call.Get(rootDevice) ?? [], call.Get(removeConfigDrives) ?? []));
                    return ExitCodes.Done;
                });
            })
        {
            nodes,
            image,
            rootDevice,
            hostname,
            sshKeys,
            userData,
            template,
            variables,
            networkData,
            swap,
            removeConfigDrives,
            kexec,
            role,
            waitFor,
            dryRun,
            wait,
        };
    }

    // Partitions begin and end at whole MiB.
    private static long SwapOf(string size) => ByteSize.TryParse(size, out var bytes) && bytes is > 0 and < long.MaxValue - (1 << 20)
        ? (bytes + (1 << 20) - 1) >> 20 << 20
        : throw Failure.WrongUsage($"--swap '{size}' is no size.", ByteSize.Remedy);

    private static Dictionary<string, string>? VariablesOf(bool isTemplate, string[] variables)
    {
        if (!isTemplate)
            return variables.Length == 0 ? null : throw Failure.WrongUsage("--var is given without --template.", "Without it the user data are handed on as they are.");
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var variable in variables)
        {
            if (variable.Split('=', 2) is not [{ Length: > 0 } name, var value])
                throw Failure.WrongUsage($"--var '{variable}' has no name and value.", "Write it as NAME=VALUE.");
            if (!values.TryAdd(name, value))
                throw Failure.WrongUsage($"--var '{name}' is given twice.", "Give it once.");
        }
        return values;
    }

    private static JsonElement NetworkDataOf(string file)
    {
        try
        {
            using var data = JsonDocument.Parse(InputFile.Read(file, "network data"), new JsonDocumentOptions { AllowDuplicateProperties = false });
            return data.RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw Failure.Refused($"The network data {file} are no JSON: {e.Message}", "They are OpenStack's network_data.json, not YAML.");
        }
    }

    private static string UserDataOf(Invocation call, string file)
    {
        if (file == "-")
            return call.Shell.In.ReadToEnd();
        try
        {
            return new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true).GetString(InputFile.Read(file, "user data", MaxUserDataBytes));
        }
        catch (DecoderFallbackException)
        {
            throw Failure.Refused($"The user data {file} is no UTF-8 text.", "Compressed user data is not taken; give it as it is.");
        }
    }
}
