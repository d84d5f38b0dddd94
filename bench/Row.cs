using System.Text.Json;
using System.Text.Json.Serialization;

namespace Baremetal.Bench;

/// <summary>
/// One result, one line of JSON. <paramref name="Ours"/> and <paramref name="PeerFigure"/> are medians of interleaved runs; a <paramref name="Ratio"/> above 1
/// means that we are better; <paramref name="LimitRatio"/> is the share of the physical limit that was reached. Null where no peer or no limit was measured.
/// </summary>
internal sealed record Row(
    string Bench,
    string Case,
    double Ours,
    [property: JsonPropertyName("peer")] double? PeerFigure,
    string? PeerName,
    string Unit,
    double? Ratio,
    double? Limit,
    double? LimitRatio,
    int Runs)
{
    /// <summary>A row of seconds, of which fewer are better.</summary>
    public static Row OfSeconds(string bench, string name, IReadOnlyList<double> ours, string peerName, IReadOnlyList<double> peer, IReadOnlyList<double> limit) =>
        new(bench, name, Median(ours), Median(peer), peerName, "s", Math.Round(Median(peer) / Median(ours), 2), Median(limit), Math.Round(Median(limit) / Median(ours), 2), ours.Count);

    /// <summary>A row of seconds that no peer can be held against, only what the machine itself needs.</summary>
    public static Row OfSecondsToLimit(string bench, string name, IReadOnlyList<double> ours, IReadOnlyList<double> limit) =>
        new(bench, name, Median(ours), null, null, "s", null, Median(limit), Math.Round(Median(limit) / Median(ours), 2), ours.Count);

    /// <summary>A row of bytes, which do not differ from run to run.</summary>
    public static Row OfBytesToLimit(string bench, string name, long ours, long? limit) =>
        new(bench, name, ours, null, null, "bytes", null, limit, limit is { } least ? Math.Round((double)least / ours, 3) : null, 1);

    public void Print() => Console.WriteLine(JsonSerializer.Serialize(this, RowJson.Default.Row));

    private static double Median(IReadOnlyList<double> values)
    {
        var sorted = values.Order().ToArray();
        return Math.Round((sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2, 3);
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(Row))]
internal sealed partial class RowJson : JsonSerializerContext;
