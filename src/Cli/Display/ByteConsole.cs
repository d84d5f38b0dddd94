namespace Baremetal.Cli.Display;

/// <summary>Standard input and output as bytes, for what is no text of ours: a VM's console.</summary>
/// <param name="In">What is typed.</param>
/// <param name="Out">Where it is shown.</param>
/// <param name="Terminal">The path of the terminal that <paramref name="In"/> is; null where it is none.</param>
public sealed record ByteConsole(Stream In, Stream Out, string? Terminal)
{
    public static readonly ByteConsole None = new(Stream.Null, Stream.Null, null);

    public static ByteConsole OfThisProcess() => new(Console.OpenStandardInput(), Console.OpenStandardOutput(), Console.IsInputRedirected ? null : "/dev/tty");
}
