using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Baremetal.Imaging.Sources;
using Baremetal.Imaging.Streaming;

namespace Baremetal.DeployAgent.Write;

/// <summary><c>deploy-agent write</c>: the agent's own pipeline by hand, for any disk or file.</summary>
internal static class WriteCommand
{
    public const string Name = "write";

    private static readonly Option<string> _manifest = new("--manifest")
    {
        Description = "The signed image manifest (NAME.dsse.json).",
        HelpName = "FILE",
        Required = true,
    };

    private static readonly Option<string[]> _trust = new("--trust")
    {
        Description = "The trust document; several, oldest first, for a chain of versions.",
        HelpName = "FILE",
        Required = true,
    };

    private static readonly Option<string?> _blobs = new("--blobs")
    {
        Description = "Where the two .index files are that the image was signed with; by default beside the manifest.",
        HelpName = "DIR|URL",
    };

    private static readonly Option<string[]> _source = new("--source")
    {
        Description = "Where the image file is; several are mirrors of each other, and none needs trust.",
        HelpName = "URL|FILE",
        Required = true,
    };

    private static readonly Option<string> _target = new("--target")
    {
        Description = "The disk to overwrite. A file that does not exist is made as large as the image.",
        HelpName = "DEVICE|FILE",
        Required = true,
    };

    private static readonly Option<bool> _reuse = new("--reuse") { Description = "Neither fetch nor write what the target holds already." };

    private static readonly Option<bool> _readBack = new("--read-back") { Description = "Read everything back and compare before the target is made bootable." };

    private static readonly Option<DateTimeOffset?> _at = new("--at")
    {
        Description = "Judge expiry as of this time instead of the clock's.",
        HelpName = "TIME",
        CustomParser = result =>
        {
            if (DateTimeOffset.TryParse(result.Tokens[0].Value, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time))
                return time;
            result.AddError($"'{result.Tokens[0].Value}' is no time; write it like 2026-01-31T12:00:00Z.");
            return null;
        },
    };

    private static readonly Option<string?> _progress = new("--progress") { Description = "'json': one JSON object a line on standard output, each second and at the end.", HelpName = "json" };

    public static Command Create()
    {
        _progress.AcceptOnlyFromAmong("json");
        Array.ForEach<Option>([_manifest, _trust, _blobs, _source, _target], option => option.Validators.Add(RequirePlaces));
        var command = new Command(Name, "Writes a signed image to a disk: every byte is verified before it is written.")
        {
            _manifest, _trust, _blobs, _source, _target, _reuse, _readBack, _at, _progress,
        };
        command.SetAction((parse, cancel) => Task.Run(() => Run(parse, cancel), CancellationToken.None));
        return command;
    }

    private static void RequirePlaces(OptionResult result)
    {
        foreach (var place in result.Tokens.Select(token => token.Value))
        {
            if (!ByteSource.IsPlace(place))
                result.AddError($"{result.Option.Name} '{place}' is neither a path nor a URL; write it like /images/debian.qcow2 or http://server/debian.qcow2.");
        }
    }

    private static int Run(ParseResult parse, CancellationToken cancel)
    {
        var request = new WriteRequest(
            parse.GetRequiredValue(_manifest),
            parse.GetRequiredValue(_trust),
            parse.GetValue(_blobs) ?? Path.GetDirectoryName(Path.GetFullPath(parse.GetRequiredValue(_manifest)))!,
            parse.GetRequiredValue(_source),
            parse.GetRequiredValue(_target),
            parse.GetValue(_reuse),
            parse.GetValue(_readBack),
            parse.GetValue(_at));
        using var display = new UnheardDisplay(parse.GetValue(_progress) is null
            ? new WriteBar(Console.Error, Console.IsErrorRedirected ? null : Console.WindowWidth, ChunkStrip.IsUtf8(Environment.GetEnvironmentVariable), TimeProvider.System)
            : new WriteLines(Console.Out));
        return request.Run(display, TimeProvider.System, cancel);
    }
}
