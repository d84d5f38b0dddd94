using System.CommandLine.Parsing;
using System.Text.Json;

namespace Baremetal.Cli;

/// <summary>An enum as the API has it on the wire: <c>DiskFirst</c> is typed and shown as <c>disk-first</c>.</summary>
internal static class Word<T> where T : struct, Enum
{
    public static string Of(T value) => JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString());

    public static T Parse(ArgumentResult argument) => ParseOptional(argument) ?? default;

    /// <summary>Several, with commas between them.</summary>
    public static T[] ParseSeveral(ArgumentResult argument) =>
        argument.Tokens is [var token] ? [.. token.Value.Split(',').Select(word => Read(word, argument) ?? default)] : [];

    public static T? ParseOptional(ArgumentResult argument) => argument.Tokens is [var token] ? Read(token.Value, argument) : null;

    private static T? Read(string word, ArgumentResult argument)
    {
        foreach (var value in Enum.GetValues<T>())
        {
            if (Of(value) == word)
                return value;
        }
        argument.AddError($"'{word}' is none of {string.Join(", ", Enum.GetValues<T>().Select(Of))}.");
        return null;
    }
}
