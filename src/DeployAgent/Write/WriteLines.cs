using System.Text.Json;
using System.Text.Json.Serialization;
using Baremetal.Imaging.Streaming;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Write;

/// <summary>For programs: one JSON object a line. The last one has a <c>status</c>.</summary>
internal sealed class WriteLines(TextWriter output) : IWriteDisplay
{
    // The display is asked four times a second; a line a second is enough to read.
    private const int EveryNth = 4;

    private readonly Lock _gate = new();
    private int _shown;
    private bool _isEnded;

    public void Show(WriteProgress progress)
    {
        lock (_gate)
        {
            if (_isEnded || _shown++ % EveryNth != 0)
                return;
            Write(JsonSerializer.Serialize(
                new ProgressLine(progress.Phase, progress.DoneBytes, progress.TotalBytes, progress.WireBytes, progress.Map, progress.Remark), WriteJson.Default.ProgressLine));
        }
    }

    public void End(ImagePredicate image, string target, WriteOutcome outcome)
    {
        var figures = outcome.Figures;
        Last(new OutcomeLine(
            outcome.Status, outcome.Reason?.Cause, outcome.Reason?.Remedy, figures.WireBytes, figures.WrittenBytes, figures.ZeroedBytes, figures.ReusedBytes,
            figures.Elapsed.TotalSeconds, figures.PeakMemoryBytes, [.. figures.DroppedSources]));
    }

    public void Refuse(Rejection rejection) => Last(new OutcomeLine(WriteStatus.Refused, rejection.Cause, rejection.Remedy, 0, 0, 0, 0, 0, 0, []));

    public void Dispose() => output.Flush();

    private void Last(OutcomeLine line)
    {
        lock (_gate)
        {
            _isEnded = true;
            Write(JsonSerializer.Serialize(line, WriteJson.Default.OutcomeLine));
        }
    }

    private void Write(string line)
    {
        output.WriteLine(line);
        output.Flush();
    }
}

/// <summary>
/// Bytes of disk that the phase is done with and has in all, bytes read from the sources, which parts of the disk are done, and why it takes
/// longer than it might.
/// </summary>
internal sealed record ProgressLine(WritePhase Phase, long DoneBytes, long TotalBytes, long WireBytes, string? Map, string? Remark);

/// <summary>How it ended, and what it cost.</summary>
internal sealed record OutcomeLine(
    WriteStatus Status,
    string? Cause,
    string? Remedy,
    long WireBytes,
    long WrittenBytes,
    long ZeroedBytes,
    long ReusedBytes,
    double Seconds,
    long PeakMemoryBytes,
    string[] DroppedSources);

internal sealed class CamelCaseEnum<T>() : JsonStringEnumConverter<T>(JsonNamingPolicy.CamelCase)
    where T : struct, Enum;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, Converters = [typeof(CamelCaseEnum<WritePhase>), typeof(CamelCaseEnum<WriteStatus>)])]
[JsonSerializable(typeof(ProgressLine))]
[JsonSerializable(typeof(OutcomeLine))]
internal sealed partial class WriteJson : JsonSerializerContext;
