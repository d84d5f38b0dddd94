using System.Globalization;
using System.Text;

namespace Baremetal.DeployAgent.Tests;

/// <summary>
/// A machine's <c>/proc</c> and <c>/sys</c>, made anew in a folder from a recording: <c>PATH = TEXT</c> is a file (with <c>\n</c>, <c>\t</c>,
/// <c>\xNN</c>), <c>PATH -> TARGET</c> a link.
/// </summary>
internal sealed class MachineTree : IDisposable
{
    public MachineTree(string machine)
    {
        Root = Directory.CreateTempSubdirectory("baremetal-machine-").FullName;
        foreach (var line in File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Machines", machine + ".tree")))
        {
            if (line.Split(" -> ", 2) is [var link, var target])
                Link(link, target);
            else if (line.StartsWith('/') && line.Split(" =", 2) is [var path, var text])
                Write(path, Unescape(text.Length > 0 ? text[1..] : ""));
        }
    }

    public string Root { get; }

    public void Write(string path, byte[] content)
    {
        var file = Path.Join(Root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllBytes(file, content);
    }

    public void Write(string path, string text) => Write(path, Encoding.ASCII.GetBytes(text));

    public void Dispose() => Directory.Delete(Root, recursive: true);

    private void Link(string path, string target)
    {
        var link = Path.Join(Root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(link)!);
        File.CreateSymbolicLink(link, target);
        // Links into a part that was not recorded must still lead somewhere.
        Directory.CreateDirectory(Path.GetFullPath(target, Path.GetDirectoryName(link)!));
    }

    private static byte[] Unescape(string text)
    {
        var bytes = new List<byte>();
        for (var i = 0; i < text.Length; i++)
        {
            switch (text[i] == '\\' ? text[++i] : '\0')
            {
                case '\0':
                    bytes.Add((byte)text[i]);
                    break;
                case 'n':
                    bytes.Add((byte)'\n');
                    break;
                case 't':
                    bytes.Add((byte)'\t');
                    break;
                case 'x':
                    bytes.Add(byte.Parse(text.AsSpan(i + 1, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
                    i += 2;
                    break;
                case var other:
                    throw new FormatException($"A recording has no escape \\{other}.");
            }
        }
        return [.. bytes];
    }
}
