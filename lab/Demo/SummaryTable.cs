using System.Globalization;

namespace Baremetal.Lab.Demo;

/// <summary>What the demo ends with: what each server's way took, and what it cost.</summary>
internal static class SummaryTable
{
    public static void Show(DemoScreen screen, IReadOnlyList<NodeJourney> journeys, SignedImage image)
    {
        var stages = journeys[0].Stages.Select(stage => stage.Stage).ToArray();
        string[] head = ["node", "firmware", "image", .. stages.Select(stage => $"{stage} (s)"), "on the wire", "compressed", "virtual", "agent peak"];
        var rows = journeys.Select(journey => Row(journey, image)).Prepend(head).ToArray();
        var widths = Enumerable.Range(0, head.Length).Select(column => rows.Max(row => row[column].Length)).ToArray();

        screen.Plain("");
        foreach (var row in rows)
            screen.Plain(string.Join("  ", row.Select((cell, column) => column < 3 ? cell.PadRight(widths[column]) : cell.PadLeft(widths[column]))).TrimEnd());
    }

    private static string[] Row(NodeJourney journey, SignedImage image)
    {
        var result = journey.Deploy?.Result;
        return
        [
            journey.Name,
            journey.Firmware.ToString().ToLowerInvariant(),
            image.Name,
            .. journey.Stages.Select(stage => stage.Took.TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture)),
            result is null ? "?" : Size.Of(result.WireBytes),
            Size.Of(journey.Deploy?.Deployment?.SourceBytes ?? 0),
            Size.Of(journey.Deploy?.Deployment?.DiskBytes ?? 0),
            result is null ? "?" : Size.Of(result.PeakMemoryBytes),
        ];
    }
}
