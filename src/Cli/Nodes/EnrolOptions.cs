using System.Collections;
using System.CommandLine;
using Baremetal.Api;

namespace Baremetal.Cli.Nodes;

/// <summary>What is said of a server to make it known: the words of <c>node enrol</c>, and of each line of <c>node import</c>.</summary>
internal sealed class EnrolOptions : IEnumerable<Option>
{
    private readonly Option<string> _mac = new("--mac") { HelpName = "MAC", Required = true, Description = "The MAC address that it boots from the network with." };
    private readonly PowerOptions _power = new();
    private readonly Option<BootPolicy> _policy = new("--boot-policy") { HelpName = "disk-first|network-first", CustomParser = Word<BootPolicy>.Parse, Description = "What its firmware tries first; disk-first if not given." };
    private readonly Option<FirmwareMode?> _firmware = new("--firmware") { HelpName = "bios|uefi", CustomParser = Word<FirmwareMode>.ParseOptional, Description = "How it boots, if you know; inspection finds it." };

    private readonly NetworkOptions _network = new();
    private readonly Option<string> _kernelArguments = KernelArguments();

    public Argument<string> Name { get; } = new("NAME") { Description = "What the node shall be called." };

    public EnrolNode Read(Invocation call) => new(
        call.Require(Name), call.Require(_mac), _power.Read(call) ?? throw PowerOptions.NotClear(), call.Get(_policy), call.Get(_firmware),
        Network: _network.Read(call), KernelArguments: call.Get(_kernelArguments));

    public static Option<string> KernelArguments() => new("--kernel-args") { HelpName = "ARGUMENTS", Description = "Added to the command line of its ramdisk's kernel, such as 'console=ttyS1,115200n8'." };

    public IEnumerator<Option> GetEnumerator() => ((IEnumerable<Option>)[_mac, .. _power, _policy, _firmware, .. _network, _kernelArguments]).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
