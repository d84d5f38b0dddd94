using System.Text;
using Baremetal.Api;

namespace Baremetal.Cli;

/// <summary>The files of <c>--ssh-key</c>, in every command that lets somebody in.</summary>
internal static class SshKeyFiles
{
    public static string[] Read(string[] files) => [.. files.SelectMany(file =>
    {
        var text = Encoding.UTF8.GetString(InputFile.Read(file, "SSH key"));
        if (text.Contains("PRIVATE KEY", StringComparison.Ordinal))
            throw Failure.Refused($"{file} holds a private key, which belongs on no other machine.", $"Give the public half: {file}.pub");
        var lines = text.Split('\n').Select(line => line.Trim()).ToArray();
        foreach (var (at, line) in lines.Index())
        {
            if (!SshPublicKey.IsCommentOrEmpty(line) && !SshPublicKey.TryCheck(line, out var cause))
                throw Failure.Refused($"Line {at + 1} of {file} is no SSH public key: {cause}.", "Give a .pub file as ssh-keygen makes it, or an authorized_keys file.");
        }
        var keys = lines.Where(line => !SshPublicKey.IsCommentOrEmpty(line)).ToArray();
        return keys.Length > 0 ? keys : throw Failure.Refused($"{file} holds no key.", "Give a .pub file as ssh-keygen makes it, or an authorized_keys file.");
    })];
}
