using System.CommandLine.Parsing;
using System.Text.Json;

namespace Baremetal.Cli;

/// <summary>An enum as the API has it on the wire: <c>DiskFirst</c> is typed and shown as <c>disk-first</c>.</summary>
internal static class Word<T> where T : struct, Enum
{
    public static string Of(T value) => JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString());

    public static T Parse(ArgumentResult argument) => ParseOptional(argument) ?? default;

    public static T? ParseOptional(ArgumentResult argument)
    {
        if (argument.Tokens is not [var token])
            return null;
        foreach (var value in Enum.GetValues<T>())
        {
            if (Of(value) == token.Value)
                return value;
        }
        argument.AddError($"'{token.Value}' is none of {string.Join(", ", Enum.GetValues<T>().Select(Of))}.");
        return null;
    }
}
