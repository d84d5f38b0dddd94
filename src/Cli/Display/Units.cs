using System.Globalization;

namespace Baremetal.Cli.Display;

/// <summary>Figures as people read them.</summary>
public static class Units
{
    private static readonly string[] Binary = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

    /// <summary><c>512 B</c>, <c>1.5 GiB</c>, <c>931 GiB</c>: two or three digits that count.</summary>
    public static string Bytes(double bytes)
    {
        var unit = 0;
        // 1023.95 would be shown as 1024.0.
        for (; bytes >= 1023.95 && unit < Binary.Length - 1; unit++)
            bytes /= 1024;
        var digits = unit > 0 && bytes < 99.95 ? "0.0" : "0";
        return $"{bytes.ToString(digits, CultureInfo.InvariantCulture)} {Binary[unit]}";
    }

    /// <summary><c>0.4 of 8.0 GiB</c>: both in the unit of the whole.</summary>
    public static string BytesOf(long part, long whole)
    {
        var size = Bytes(whole).Split(' ');
        var unit = Math.Pow(1024, Array.IndexOf(Binary, size[1]));
        return $"{(part / unit).ToString(size[0].Contains('.', StringComparison.Ordinal) ? "0.0" : "0", CultureInfo.InvariantCulture)} of {size[0]} {size[1]}";
    }

    /// <summary><c>1 socket</c>, <c>2 sockets</c>.</summary>
    public static string Count(int number, string what) => number == 1 ? $"1 {what}" : $"{number} {what}s";

    public static string Rate(double bytesPerSecond) => Bytes(bytesPerSecond) + "/s";

    /// <summary>How long something took: <c>0.4 s</c>, <c>42 s</c>, <c>3 min 05 s</c>, <c>2 h 10 min</c>.</summary>
    public static string Duration(TimeSpan span) => span switch
    {
        { TotalSeconds: < 9.95 } => $"{Math.Max(0, span.TotalSeconds).ToString("0.0", CultureInfo.InvariantCulture)} s",
        { TotalSeconds: < 59.5 } => $"{span.TotalSeconds.ToString("0", CultureInfo.InvariantCulture)} s",
        { TotalMinutes: < 60 } => $"{(int)span.TotalMinutes} min {span.Seconds:00} s",
        _ => $"{(int)span.TotalHours} h {span.Minutes:00} min",
    };

    /// <summary>How long ago, for a column: <c>42s</c>, <c>5m</c>, <c>3h</c>, <c>12d</c>.</summary>
    public static string Age(TimeSpan age) => age switch
    {
        { TotalSeconds: < 1 } => "0s",
        { TotalMinutes: < 2 } => $"{(int)age.TotalSeconds}s",
        { TotalHours: < 2 } => $"{(int)age.TotalMinutes}m",
        { TotalDays: < 2 } => $"{(int)age.TotalHours}h",
        _ => $"{(int)age.TotalDays}d",
    };

    /// <summary>A clock that counts down or up: <c>0:42</c>, <c>12:07</c>, <c>1:02:03</c>.</summary>
    public static string Clock(TimeSpan span) =>
        span.TotalHours < 1 ? $"{span.Minutes}:{span.Seconds:00}" : $"{(int)span.TotalHours}:{span.Minutes:00}:{span.Seconds:00}";

    /// <summary>Universal time to the second: what logs and other machines have too.</summary>
    public static string Time(DateTimeOffset time) => time.ToString("u", CultureInfo.InvariantCulture);
}
