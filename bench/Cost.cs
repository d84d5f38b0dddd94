using System.Diagnostics;
using System.Globalization;

namespace Baremetal.Bench;

/// <summary>How long something took, and how long the machine's processors were busy meanwhile: the kernel's threads and the web server too.</summary>
internal readonly record struct Cost(double Seconds, double ProcessorSeconds)
{
    // Of "cpu user nice system idle iowait irq softirq …" (proc(5)), in hundredths of a second.
    private static readonly int[] _busy = [1, 2, 3, 6, 7];

    public static Cost Of(Action action)
    {
        var (begun, busy) = (Stopwatch.GetTimestamp(), BusySeconds());
        action();
        return new Cost(Stopwatch.GetElapsedTime(begun).TotalSeconds, BusySeconds() - busy);
    }

    private static double BusySeconds()
    {
        var fields = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return _busy.Sum(field => long.Parse(fields[field], CultureInfo.InvariantCulture)) / 100.0;
    }
}
