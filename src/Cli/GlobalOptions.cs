using System.CommandLine;

namespace Baremetal.Cli;

/// <summary>Options that every command takes, by name: each <see cref="CommandLine.Create"/> makes its own.</summary>
internal static class GlobalOptions
{
    public const string Server = "--server";
    public const string Token = "--token";
    public const string Ca = "--ca";
    public const string Output = "--output";

    public const string Json = "json";
    public const string Table = "table";

    public static IEnumerable<Option> Create()
    {
        yield return new Option<string>(Server)
        {
            HelpName = "URL",
            Description = "The conductor's address, such as https://conductor.example:8443.",
            Recursive = true,
        };
        // The token itself would be in the process list and in the shell's history.
        yield return new Option<string>(Token)
        {
            HelpName = "FILE",
            Description = "The file that holds the operator's token; - reads it from standard input.",
            Recursive = true,
        };
        yield return new Option<string>(Ca)
        {
            HelpName = "FILE",
            Description = "The conductor's CA certificate, the only one that is trusted.",
            Recursive = true,
        };
        var output = new Option<string>(Output, "-o")
        {
            HelpName = $"{Table}|{Json}",
            Description = "Tables for people, or JSON for programs.",
            Recursive = true,
            DefaultValueFactory = _ => Table,
        };
        output.AcceptOnlyFromAmong(Table, Json);
        yield return output;
    }
}
