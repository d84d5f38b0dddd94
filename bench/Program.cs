using System.Globalization;
using Baremetal.Bench;

if (args is not [var name, var runs, var folder] || !int.TryParse(runs, NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count < 1)
{
    Console.Error.WriteLine("usage: bench stream|boot RUNS FOLDER");
    return 2;
}
folder = Path.GetFullPath(folder);
switch (name)
{
    case "stream":
        StreamBench.Run(folder, count);
        return 0;
    case "boot":
        await BootBench.RunAsync(folder, count);
        return 0;
    default:
        Console.Error.WriteLine($"There is no benchmark '{name}': choose stream or boot.");
        return 2;
}
