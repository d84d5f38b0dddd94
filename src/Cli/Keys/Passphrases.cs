using System.CommandLine;
using Baremetal.Trust;

namespace Baremetal.Cli.Keys;

/// <summary>Passphrases of private keys: from a file, or typed on the terminal. Never from an option, which every process of the machine can read.</summary>
internal static class Passphrases
{
    public const string FileOption = "--passphrase-file";

    public static Option<string[]> Option() => new(FileOption)
    {
        HelpName = "FILE",
        Description = "A file whose first line is the passphrase of an encrypted key; given again where keys have several. Else the terminal asks.",
    };

    /// <summary>What opens an encrypted key: all that the files say, or else the one that is typed.</summary>
    public static Func<string, IEnumerable<byte[]>> Of(Invocation call, Option<string[]> files)
    {
        var given = (call.Get(files) ?? []).Select(Read).ToArray();
        return path => given.Length > 0 ? given : call.Shell.AskSecret($"Passphrase of {path}: ") is { } typed ? [typed] : [];
    }

    /// <summary>A new passphrase, typed twice: nobody sees a slip of the hand, and what was encrypted with one is lost.</summary>
    public static byte[] Choose(Invocation call)
    {
        if (call.Shell.AskSecret("New passphrase: ") is not { } first)
            throw Failure.WrongUsage("There is no terminal that could ask for the passphrase.", $"Give {FileOption} FILE.");
        if (first.Length == 0)
            throw Failure.WrongUsage("The passphrase is empty.", "Leave out --encrypt if the keys shall not be encrypted.");
        return call.Shell.AskSecret("The same again: ").AsSpan().SequenceEqual(first)
            ? first
            : throw Failure.WrongUsage("The two passphrases differ; nothing was made.", "Try again.");
    }

    public static byte[] Read(string path) => PrivateKeyFile.TryReadPassphrase(path, out var passphrase, out var rejection)
        ? passphrase
        : throw new Failure(File.Exists(path) ? ExitCodes.Refused : ExitCodes.NotFound, rejection);
}
