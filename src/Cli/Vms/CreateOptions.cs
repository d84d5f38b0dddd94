using System.Collections;
using System.CommandLine;
using System.Text;
using Baremetal.Api;

namespace Baremetal.Cli.Vms;

/// <summary>What a new VM shall be.</summary>
internal sealed class CreateOptions : IEnumerable<Option>
{
    private readonly Option<string> _image = new("--image") { HelpName = "IMAGE", Required = true, Description = "NAME[:VERSION] of the conductor's catalogue, or one of a registry, such as registry.example/team/web:1." };
    private readonly Option<string> _memory = new("--memory") { HelpName = "SIZE", Description = "The guest's memory, such as 1G; 512M if not given." };
    private readonly Option<int?> _processors = new("--cpus") { HelpName = "N", Description = "The guest's processors; 1 if not given." };
    private readonly Option<string> _disk = new("--disk") { HelpName = "SIZE", Description = "How large the guest's disk is made, such as 20G; as the image has it if not given. The guest grows its file systems." };
    private readonly Option<string[]> _publish = new("--publish", "-p") { HelpName = "[ADDR:]HOST:GUEST[/udp]", Description = "A port of the runner that leads to the guest; may be given again." };
    private readonly Option<string> _network = new("--network") { HelpName = "NAME", Description = "One of the runner's networks; its usual one if not given." };
    private readonly Option<string> _address = new("--address") { HelpName = "ADDR", Description = "The guest's on that network; the next that is free if not given." };
    private readonly Option<string> _hostName = new("--hostname") { HelpName = "NAME", Description = "The guest's host name; the VM's name if not given." };
    private readonly Option<string[]> _keys = new("--ssh-key") { HelpName = "FILE", Description = "A public key that may log in, by cloud-init; may be given again." };
    private readonly Option<string> _userData = new("--user-data") { HelpName = "FILE", Description = "For cloud-init, 64 KiB at most; nobody can read it back." };
    private readonly Option<int?> _stop = new("--stop-seconds") { HelpName = "N", Description = "How long the guest has to shut down; 60 if not given." };
    private readonly Option<bool> _stopped = new("--stopped") { Description = "Makes it, and does not start it." };

    public Argument<string> Name { get; } = new("NAME") { Description = "What it shall be called, on its runner." };

    public Option<string> Runner { get; } = new("--runner") { HelpName = "RUNNER", Required = true, Description = "The runner that shall run it." };

    public CreateVm Read(Invocation call) => new(
        call.Require(Name),
        call.Require(_image),
        call.Get(_memory) is { } memory ? MemorySize.Parse(memory, "--memory") : CreateVm.UsualMemoryMb,
        call.Get(_processors) ?? 1,
        NotEmpty(call.Get(_publish))?.Select(PortOption.Parse).ToArray(),
        call.Get(_network),
        call.Get(_address),
        call.Get(_hostName),
        NotEmpty(call.Get(_keys)) is { } keys ? SshKeyFiles.Read(keys) : null,
        call.Get(_userData) is { } file ? TextOf(file) : null,
        StopSeconds: call.Get(_stop) ?? CreateVm.UsualStopSeconds,
        Target: call.Get(_stopped) ? VmTarget.Stopped : VmTarget.Running,
        DiskGb: call.Get(_disk) is { } disk ? GigabytesOf(disk) : null);

    public IEnumerator<Option> GetEnumerator() =>
        new List<Option> { Runner, _image, _memory, _processors, _disk, _publish, _network, _address, _hostName, _keys, _userData, _stop, _stopped }.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private static string[]? NotEmpty(string[]? values) => values is { Length: > 0 } ? values : null;

    // Rounded up: nobody is given less than what was asked for.
    private static int GigabytesOf(string size) => (int)Math.Min(int.MaxValue, (MemorySize.Parse(size, "--disk") + 1023L) / 1024);

    private static string TextOf(string file)
    {
        try
        {
            return new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true).GetString(InputFile.Read(file, "user data", CreateVm.MostUserDataBytes));
        }
        catch (DecoderFallbackException)
        {
            throw Failure.Refused($"The user data {file} is no text (UTF-8).", "A VM's user data is text; let it fetch what is none.");
        }
    }
}
