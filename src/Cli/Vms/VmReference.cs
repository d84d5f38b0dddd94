using System.CommandLine;
using Baremetal.Api;
using Baremetal.Api.Client;

namespace Baremetal.Cli.Vms;

/// <summary>A VM as it is typed: <c>RUNNER/VM</c>, or its name alone where no other runner has one of that name.</summary>
internal sealed record VmReference(string Runner, string Vm)
{
    public static Argument<string> Argument() => new("VM") { Description = "RUNNER/NAME, or the name alone where it is the only one of it." };

    public override string ToString() => $"{Runner}/{Vm}";

    public static async Task<VmReference> FindAsync(ConductorClient conductor, string text, CancellationToken cancel)
    {
        if (text.Split('/') is [{ Length: > 0 } runner, { Length: > 0 } name])
            return new VmReference(runner, name);
        if (text.Contains('/', StringComparison.Ordinal))
            throw Failure.WrongUsage($"'{text}' is no VM.", "Write it as RUNNER/NAME, or as NAME.");
        var found = await conductor.ListVmsAsync(cancel).Where(vm => vm.Name.Equals(text, StringComparison.OrdinalIgnoreCase) || vm.Id == text).ToListAsync(cancel);
        return found switch
        {
            [] => throw Failure.NotFound($"There is no VM '{text}'.", "'conductor vm list' shows all."),
            [var one] => Of(one),
            _ => throw Failure.Refused($"'{text}' can be any of {string.Join(", ", found.Select(Of))}.", "Write it with its runner."),
        };
    }

    public static VmReference Of(Vm vm) => new(vm.Runner, vm.Name);
}
