using System.Globalization;

namespace Baremetal.Cli;

/// <summary>A time to come, as a person types it: <c>2027-01-31</c>, <c>2027-01-31T12:00:00Z</c>, or from now <c>12h</c>, <c>90d</c>, <c>2y</c>.</summary>
internal static class Moment
{
    public static DateTimeOffset Parse(string text, string option, DateTimeOffset now)
    {
        if (TryParse(text, now, out var moment) && moment > now)
            return moment;
        throw Failure.WrongUsage(
            $"{option} '{text}' is no time to come.",
            "Give a date (2027-01-31), a time (2027-01-31T12:00:00Z), or a span from now (12h, 90d, 2y).");
    }

    private static bool TryParse(string text, DateTimeOffset now, out DateTimeOffset moment)
    {
        if (text.Length > 1 && int.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count < 100_000)
        {
            moment = text[^1] switch
            {
                'h' => now.AddHours(count),
                'd' => now.AddDays(count),
                'y' when count < 1000 => now.AddYears(count),
                _ => default,
            };
            return moment != default;
        }
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out moment);
    }
}
