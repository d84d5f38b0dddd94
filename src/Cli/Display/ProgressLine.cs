using System.Globalization;
using Baremetal.Api;
using Baremetal.Imaging.Streaming;

namespace Baremetal.Cli.Display;

/// <summary>
/// How far something with a known size has come: <c>[####....]  52%  4.2 of 8.0 GiB  182 MiB/s  0:22 left</c>. Where it is a disk, the bar shows its
/// parts, each as what has been done with it.
/// </summary>
internal static class ProgressLine
{
    private const int LongestBar = 40;
    private const int ShortestBar = 8;

    public static int Percent(Progress progress) => progress.TotalBytes <= 0 ? 0 : (int)Math.Clamp(100.0 * progress.DoneBytes / progress.TotalBytes, 0, 100);

    public static void Draw(Screen screen, string head, Progress progress)
    {
        var figures = Figures(progress);
        // Brackets, the space behind them, and the terminal's last column, which some terminals wrap at.
        var room = Math.Max(ShortestBar, screen.Width - head.Length - figures.Length - 4);
        screen.Live(head, new Run($"[{BarOf(screen, progress, room)}]", Tone.Busy), " " + figures);
    }

    /// <summary>Whether the bar is the disk itself. Before anything was done to it, the bar is how far the checks are.</summary>
    public static bool HasStrip(Progress progress) => !string.IsNullOrEmpty(progress.Map) && progress.Phase != ProgressPhase.Checking;

    private static string BarOf(Screen screen, Progress progress, int room)
    {
        if (HasStrip(progress))
            return ChunkStrip.Draw(progress.Map!, Math.Min(room, Progress.LongestMap), screen.IsUtf8);
        var width = Math.Min(room, LongestBar);
        var full = width * Percent(progress) / 100;
        return new string('#', full) + new string('.', width - full);
    }

    /// <summary>One of the disks that are worked on at once, by itself.</summary>
    public static Progress Of(DiskProgress disk) => new(disk.DoneBytes, disk.TotalBytes, 0, disk.BytesPerSecond, disk.Phase);

    public static string Figures(Progress progress)
    {
        var left = progress.BytesPerSecond > 0 && progress.DoneBytes < progress.TotalBytes
            ? $"  {Units.Clock(TimeSpan.FromSeconds((progress.TotalBytes - progress.DoneBytes) / progress.BytesPerSecond))} left"
            : "";
        var phase = progress.PhaseName.Length == 0 ? "" : progress.PhaseName + " ";
        return string.Create(CultureInfo.InvariantCulture, $"{phase}{Percent(progress),3}%  {Units.BytesOf(progress.DoneBytes, progress.TotalBytes)}  {Units.Rate(progress.BytesPerSecond)}{left}");
    }
}
