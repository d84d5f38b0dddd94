namespace Baremetal.DeployAgent;

/// <summary>Figures for people.</summary>
internal static class Quantity
{
    private static readonly string[] _units = ["B", "KiB", "MiB", "GiB", "TiB"];

    public static string Bytes(double bytes)
    {
        var unit = 0;
        while (bytes >= 1024 && unit < _units.Length - 1)
        {
            bytes /= 1024;
            unit++;
        }
        return unit == 0 || bytes >= 100 ? $"{bytes:0} {_units[unit]}" : $"{bytes:0.0} {_units[unit]}";
    }

    public static string Time(TimeSpan time) => time.TotalHours >= 1 ? $"{(int)time.TotalHours} h {time.Minutes} min" : time.TotalMinutes >= 1 ? $"{time.Minutes} min {time.Seconds} s" : $"{time.TotalSeconds:0} s";
}
