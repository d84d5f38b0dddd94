using System.Globalization;
using Baremetal.Bench;

if (args is not ["stream", var runs, var folder] || !int.TryParse(runs, NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count < 1)
{
    Console.Error.WriteLine("usage: bench stream RUNS FOLDER");
    return 2;
}
StreamBench.Run(Path.GetFullPath(folder), count);
return 0;
