using System.CommandLine.Parsing;

namespace Baremetal.Cli;

/// <summary>What the parser has against a command line, as we say it: its own words name types of .NET, which nobody can type.</summary>
internal static class UsageFault
{
    public static string Of(ParseError error) => OptionOf(error.SymbolResult) is { Tokens: [var token] } option && MeaningOf(option.Option.ValueType, token.Value) is { } meaning
        ? $"{option.Option.Name} is '{token.Value}'; {meaning}"
        : error.Message;

    private static OptionResult? OptionOf(SymbolResult? at) => at as OptionResult ?? (at as ArgumentResult)?.Parent as OptionResult;

    // Null where it is not the value that the parser stumbled over. Enums have words, and say themselves which.
    private static string? MeaningOf(Type type, string value) => type switch
    {
        _ when type == typeof(int?) && !int.TryParse(value, out _) => Whole(value, $"{int.MaxValue}"),
        _ when type == typeof(ulong) && !ulong.TryParse(value, out _) => Whole(value, $"{ulong.MaxValue}"),
        _ => null,
    };

    private static string Whole(string value, string most) => value.All(char.IsAsciiDigit) ? $"it is {most} at most." : "it is a whole number.";
}
