namespace Baremetal.Cli;

/// <summary>How long something shall last, as it is typed: <c>90s</c>, <c>30m</c>, <c>4h</c>, <c>1d</c>.</summary>
internal static class TimeSpanWord
{
    public static int SecondsOf(string text, string option)
    {
        var unit = text.Length == 0 ? 0 : text[^1] switch { 's' => 1, 'm' => 60, 'h' => 3600, 'd' => 86400, _ => 0 };
        return unit > 0 && int.TryParse(text.AsSpan(0, text.Length - 1), out var count) && count > 0 && count <= int.MaxValue / unit
            ? count * unit
            : throw Failure.WrongUsage($"{option} is '{text}'.", "Give a time such as 90s, 30m, 4h or 1d.");
    }
}
