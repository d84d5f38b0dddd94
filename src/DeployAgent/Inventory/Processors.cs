using Baremetal.Api;

namespace Baremetal.DeployAgent.Inventory;

/// <summary><c>/proc/cpuinfo</c>: one paragraph a thread.</summary>
internal static class Processors
{
    public static Processor Read(Machine machine)
    {
        var threads = (machine.Text("/proc/cpuinfo") ?? "").Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Select(Fields).Where(fields => fields.ContainsKey("processor")).ToList();
        var model = threads.Select(thread => thread.GetValueOrDefault("model name")).FirstOrDefault(name => name is not null) ?? "unknown";
        // Where the kernel names neither socket nor core, as on aarch64, each thread counts as a core of one socket.
        return new Processor(
            model,
            MachineInventory.Architecture,
            threads.Select(thread => thread.GetValueOrDefault("physical id")).Distinct().Count(),
            threads.Select(thread => (thread.GetValueOrDefault("physical id"), thread.GetValueOrDefault("core id") ?? thread["processor"])).Distinct().Count(),
            threads.Count);
    }

    private static Dictionary<string, string> Fields(string paragraph)
    {
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in paragraph.Split('\n'))
        {
            if (line.Split(':', 2) is [var name, var value])
                fields[name.Trim()] = value.Trim();
        }
        return fields;
    }
}
