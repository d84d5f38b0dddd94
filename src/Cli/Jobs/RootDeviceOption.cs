using System.Globalization;
using Baremetal.Api;

namespace Baremetal.Cli.Jobs;

/// <summary><c>--root-device HINT</c> and its like: what must hold for the disk, one hint an option.</summary>
internal static class RootDeviceOption
{
    public const string Name = "--root-device";

    private static readonly string[] Kinds = ["serial", "wwn", "model", "by-path", "name", "bus", "rotational", "size", "size>", "size<"];
    private static readonly string[] Buses = ["nvme", "sata", "sas", "fc", "iscsi", "scsi", "virtio", "usb", "mmc"];

    public static RootDeviceHints? Read(string[] hints, string option = Name)
    {
        var all = new RootDeviceHints();
        foreach (var (at, hint) in hints.Index())
        {
            var (kind, value) = hint.Split('=', 2) is [var word, var text] ? (word, text) : (hint, "");
            if (!Kinds.Contains(kind))
                throw Failure.WrongUsage($"{option} '{hint}' is no hint.", $"Hints are {string.Join(", ", Kinds.Select(Example))}; 'conductor node show NODE' has them all.");
            if (hints.Take(at).Any(earlier => earlier.StartsWith(kind + "=", StringComparison.Ordinal)))
                throw Failure.WrongUsage($"{option} '{hint}': {kind} is given twice.", "All hints must hold for one disk, which has one of each.");
            if (value.Length == 0)
                throw Failure.WrongUsage($"{option} '{hint}' has no value.", $"Write it as {Example(kind)}; 'conductor node show NODE' has them all.");
            all = With(all, kind, value, hint, option);
        }
        return all.Any ? all : null;
    }

    private static RootDeviceHints With(RootDeviceHints all, string kind, string value, string hint, string option) => kind switch
    {
        "serial" => all with { Serial = value },
        "wwn" => all with { Wwn = value },
        "model" => all with { Model = value },
        "by-path" => all with { ByPath = value },
        "name" => all with { Name = value },
        "bus" => Buses.Contains(value) ? all with { Bus = value }
            : throw Failure.WrongUsage($"{option} '{hint}': there is no bus '{value}'.", $"It is one of {string.Join(", ", Buses)}."),
        "rotational" => value is "yes" or "no" ? all with { Rotational = value == "yes" }
            : throw Failure.WrongUsage($"{option} '{hint}' is neither yes nor no.", "Write rotational=no for an SSD, rotational=yes for a hard disk."),
        "size" => long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) ? all with { SizeBytes = bytes }
            : throw Failure.WrongUsage($"{option} '{hint}': an exact size is a whole number of bytes.",
                "Disks that are sold as 480 GB differ in it: 'conductor node show NODE' has each disk's BYTES, such as 480103981056. With units give a limit: size>=400GB or size<=1TB."),
        "size>" => all with { MinSizeBytes = Limit(value, hint, option) },
        _ => all with { MaxSizeBytes = Limit(value, hint, option) },
    };

    private static long Limit(string value, string hint, string option) =>
        ByteSize.TryParse(value, out var bytes) ? bytes : throw Failure.WrongUsage($"{option} '{hint}': '{value}' is no size.", ByteSize.Remedy);

    private static string Example(string kind) => kind switch
    {
        "size" => "size=BYTES",
        "size>" => "size>=400GB",
        "size<" => "size<=1TB",
        "rotational" => "rotational=yes|no",
        "bus" => $"bus={string.Join('|', Buses)}",
        _ => $"{kind}=…",
    };
}
