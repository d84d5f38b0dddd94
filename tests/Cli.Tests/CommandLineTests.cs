using System.CommandLine;

namespace Baremetal.Cli.Tests;

public sealed class CommandLineTests
{
    public static TheoryData<string> Commands() => [.. All(CommandLine.Create(), "")];

    private static IEnumerable<string> All(Command command, string path) =>
        command.Subcommands.SelectMany(sub => All(sub, $"{path} {sub.Name}".Trim()).Prepend($"{path} {sub.Name}".Trim()));

    [Theory]
    [MemberData(nameof(Commands))]
    public async Task Help_EveryCommand_SaysWhatItDoesInEightyColumns(string command)
    {
        var lines = (await CommandRun.Of([.. command.Split(' '), "--help"])).Succeeded().Split('\n');

        Assert.EndsWith(".", lines.TakeWhile(line => line.Length > 0).Last(), StringComparison.Ordinal);
        Assert.Contains("Usage:", lines);
        Assert.All(lines, line => Assert.True(line.Length <= 80, $"{line.Length} columns: {line}"));
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public async Task Help_EveryCommand_HasAnExampleThatParses(string command)
    {
        var lines = (await CommandRun.Of([.. command.Split(' '), "--help"])).Succeeded().Split('\n');
        var root = CommandLine.Create();
        if (root.Parse(command).CommandResult.Command.Subcommands.Count > 0)
            return;

        var example = string.Join('\n', lines.SkipWhile(line => line != "Example:").Skip(1).TakeWhile(line => line.Length > 0)).Replace("\\\n", "", StringComparison.Ordinal);
        Assert.All(example.Split('\n'), line =>
        {
            Assert.StartsWith($"conductor {command}", line.Trim(), StringComparison.Ordinal);
            Assert.Empty(root.Parse(line.Trim()["conductor ".Length..]).Errors);
        });
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void Options_EveryOne_HasADescriptionAndAValueName(string command)
    {
        var root = CommandLine.Create();
        Assert.All(root.Parse(command).CommandResult.Command.Options, option =>
        {
            Assert.EndsWith(".", option.Description, StringComparison.Ordinal);
            Assert.True(option.HelpName is not null || option.ValueType == typeof(bool), $"{command} {option.Name} has no name for its value");
        });
    }

    [Theory]
    [InlineData]
    [InlineData("key")]
    public async Task Run_NoCommand_ShowsHelpAsWrongUsage(params string[] args)
    {
        var error = (await CommandRun.Of(args)).EndedWith(ExitCodes.WrongUsage);

        Assert.Contains("Commands:", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_CommandMistyped_ListsTheRightOnes()
    {
        var error = (await CommandRun.Of("key", "lsit", "x")).EndedWith(ExitCodes.WrongUsage);

        Assert.Equal("error: 'conductor key' has no command 'lsit'. hint: It has new, list, trust, revoke.", error);
    }

    [Theory]
    [InlineData("error: 'conductor' has no command 'token'.", "token", "--help")]
    [InlineData("error: 'conductor key' has no command 'lsit'.", "key", "lsit", "--help")]
    public async Task Help_OfACommandThatDoesNotExist_SaysSo(string error, params string[] args)
    {
        var run = await CommandRun.Of(args);

        Assert.StartsWith(error, run.EndedWith(ExitCodes.WrongUsage), StringComparison.Ordinal);
        Assert.Equal("", run.Output);
    }

    [Theory]
    [InlineData("error: --mtu is 'abc'; it is a whole number.", "node", "edit", "r7", "--mtu", "abc")]
    [InlineData("error: --mtu is '99999999999'; it is 2147483647 at most.", "node", "edit", "r7", "--mtu", "99999999999")]
    [InlineData("error: --number is '1.5'; it is a whole number.", "node", "inventory", "r7", "--number", "1.5")]
    [InlineData("error: --release is 'x'; it is a whole number.", "image", "sign", "f", "--key", "k", "--name", "n", "--out", "o", "--release", "x")]
    public async Task Run_ValueOfAnotherKind_SaysWhatItIsAndNamesNoType(string error, params string[] args)
    {
        var said = (await CommandRun.Of(args)).EndedWith(ExitCodes.WrongUsage);

        Assert.StartsWith(error, said, StringComparison.Ordinal);
        Assert.DoesNotContain("System.", said, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void Options_EveryOne_IsOfAKindWhoseFaultIsSaidInWords(string command)
    {
        Type[] kinds = [typeof(string), typeof(string[]), typeof(bool), typeof(int?), typeof(ulong)];
        Assert.All(CommandLine.Create().Parse(command).CommandResult.Command.Options, option =>
            Assert.True(kinds.Contains(option.ValueType) || (Nullable.GetUnderlyingType(option.ValueType) ?? option.ValueType.GetElementType() ?? option.ValueType).IsEnum, $"{command} {option.Name} is a {option.ValueType}"));
    }

    [Theory]
    [InlineData("--out", "key", "new")]
    [InlineData("xml", "key", "list", "x", "--output", "xml")]
    [InlineData("--frobnicate", "key", "list", "x", "--frobnicate")]
    public async Task Run_OptionMissingOrUnknown_NamesItAndTheHelp(string named, params string[] args)
    {
        var error = (await CommandRun.Of(args)).EndedWith(ExitCodes.WrongUsage);

        Assert.Contains(named, error, StringComparison.Ordinal);
        Assert.Contains($"{args[0]} {args[1]} --help", error, StringComparison.Ordinal);
    }
}
