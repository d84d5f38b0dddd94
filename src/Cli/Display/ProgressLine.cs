using System.Globalization;
using Baremetal.Api;

namespace Baremetal.Cli.Display;

/// <summary>How far something with a known size has come: <c>[####....]  52%  4.2 of 8.0 GiB  182 MiB/s  0:22 left</c>.</summary>
internal static class ProgressLine
{
    private const int LongestBar = 40;
    private const int ShortestBar = 8;

    public static int Percent(Progress progress) => progress.TotalBytes <= 0 ? 0 : (int)Math.Clamp(100.0 * progress.DoneBytes / progress.TotalBytes, 0, 100);

    public static void Draw(Screen screen, string head, Progress progress)
    {
        var figures = Figures(progress);
        // Brackets, the space behind them, and the terminal's last column, which some terminals wrap at.
        var width = Math.Clamp(screen.Width - head.Length - figures.Length - 4, ShortestBar, LongestBar);
        var full = width * Percent(progress) / 100;
        screen.Live(head, new Run($"[{new string('#', full)}{new string('.', width - full)}]", Tone.Busy), " " + figures);
    }

    public static string Figures(Progress progress)
    {
        var left = progress.BytesPerSecond > 0 && progress.DoneBytes < progress.TotalBytes
            ? $"  {Units.Clock(TimeSpan.FromSeconds((progress.TotalBytes - progress.DoneBytes) / progress.BytesPerSecond))} left"
            : "";
        var phase = progress.PhaseName.Length == 0 ? "" : progress.PhaseName + " ";
        return string.Create(CultureInfo.InvariantCulture, $"{phase}{Percent(progress),3}%  {Units.BytesOf(progress.DoneBytes, progress.TotalBytes)}  {Units.Rate(progress.BytesPerSecond)}{left}");
    }
}
