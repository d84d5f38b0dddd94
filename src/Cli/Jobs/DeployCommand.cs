using System.CommandLine;
using System.Globalization;
using System.Text;
using Baremetal.Api;
using Baremetal.Cli.Nodes;

namespace Baremetal.Cli.Jobs;

/// <summary><c>conductor deploy</c>: the command that all others are there for.</summary>
internal static class DeployCommand
{
    private const int MaxUserDataBytes = 1 << 20;
    private const string Size = "size";

    private static readonly string[] HintKinds = ["serial", "wwn", "model", "by-path", "name", Size];

    public static Verb Create()
    {
        var node = NodeCommands.Name();
        var image = new Option<string>("--image") { HelpName = "NAME[:VERSION]", Required = true, Description = "An image of the catalogue, as 'conductor image list' shows it." };
        var rootDevice = new Option<string[]>("--root-device")
        {
            HelpName = "HINT",
            Description = "Which disk to write, needed where there are several: serial=…, wwn=…, model=…, by-path=…, name=… or size=BYTES. Given again, all must hold, for exactly one disk.",
        };
        var hostname = new Option<string>("--hostname") { HelpName = "NAME", Description = "What the installed system calls itself." };
        var sshKeys = new Option<string[]>("--ssh-key") { HelpName = "FILE", Description = "A public key that may log in; may be given again." };
        var userData = new Option<string>("--user-data") { HelpName = "FILE", Description = "Cloud-init user data, handed to the installed system as it is; - reads it from standard input." };
        var dryRun = new Option<bool>("--dry-run") { Description = "Checks all that can be checked, and starts nothing." };
        var wait = JobCommands.Wait();
        return new Verb(
            "deploy",
            "Writes an image to a node's disk, verified chunk by chunk, and boots it.",
            "conductor deploy r7 --image debian-12 --ssh-key ~/.ssh/id_ed25519.pub --wait",
            async (call, cancel) =>
            {
                var deployment = new DeployNode(
                    call.Require(image),
                    HintsOf(call.Get(rootDevice) ?? []),
                    call.Get(hostname),
                    KeysOf(call.Get(sshKeys) ?? []),
                    call.Get(userData) is { } file ? UserDataOf(call, file) : null,
                    call.Get(dryRun));
                using var follower = new JobFollower(call);
                var job = await follower.Conductor.DeployAsync(call.Require(node), deployment, cancel);
                if (!deployment.DryRun)
                    return await follower.StartedAsync(job, call.Get(wait), cancel);
                call.Show(job, CliJson.Api.Job, JobViews.DryRun);
                return ExitCodes.Done;
            })
        {
            node,
            image,
            rootDevice,
            hostname,
            sshKeys,
            userData,
            dryRun,
            wait,
        };
    }

    internal static RootDeviceHints? HintsOf(string[] hints)
    {
        var all = new RootDeviceHints();
        foreach (var (at, hint) in hints.Index())
        {
            var (kind, value) = hint.Split('=', 2) is [var name, var text] ? (name, text) : (hint, "");
            if (!HintKinds.Contains(kind))
                throw Failure.WrongUsage($"--root-device '{hint}' is no hint.", $"Hints are {string.Join(", ", HintKinds.Select(one => one == Size ? "size=BYTES" : $"{one}=…"))}; 'conductor node show NODE' has them all.");
            if (hints.Take(at).Any(earlier => earlier.StartsWith(kind + "=", StringComparison.Ordinal)))
                throw Failure.WrongUsage($"--root-device '{hint}': {kind} is given twice.", "All hints must hold for one disk, which has one of each.");
            if (value.Length == 0)
                throw Failure.WrongUsage($"--root-device '{hint}' has no value.", $"Write it as {kind}={(kind == Size ? "BYTES" : "…")}; 'conductor node show NODE' has them all.");
            all = With(all, kind, value) ?? throw Failure.WrongUsage(
                $"--root-device '{hint}': a size is a whole number of bytes.", "Disks that are sold as 480 GB differ in it, so it takes no units: 'conductor node show NODE' has each disk's BYTES, such as 480103981056.");
        }
        return all.Any ? all : null;
    }

    private static RootDeviceHints? With(RootDeviceHints all, string kind, string value) => kind switch
    {
        "serial" => all with { Serial = value },
        "wwn" => all with { Wwn = value },
        "model" => all with { Model = value },
        "by-path" => all with { ByPath = value },
        "name" => all with { Name = value },
        _ => long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) ? all with { SizeBytes = bytes } : null,
    };

    private static string[] KeysOf(string[] files) => [.. files.SelectMany(file =>
    {
        var text = Encoding.UTF8.GetString(InputFile.Read(file, "SSH key"));
        if (text.Contains("PRIVATE KEY", StringComparison.Ordinal))
            throw Failure.Refused($"{file} holds a private key, which belongs on no other machine.", $"Give the public half: {file}.pub");
        var lines = text.Split('\n').Select(line => line.Trim()).ToArray();
        foreach (var (at, line) in lines.Index())
        {
            if (!SshPublicKey.IsCommentOrEmpty(line) && !SshPublicKey.TryCheck(line, out var cause))
                throw Failure.Refused($"Line {at + 1} of {file} is no SSH public key: {cause}.", "Give a .pub file as ssh-keygen makes it, or an authorized_keys file.");
        }
        var keys = lines.Where(line => !SshPublicKey.IsCommentOrEmpty(line)).ToArray();
        return keys.Length > 0 ? keys : throw Failure.Refused($"{file} holds no key.", "Give a .pub file as ssh-keygen makes it, or an authorized_keys file.");
    })];

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
