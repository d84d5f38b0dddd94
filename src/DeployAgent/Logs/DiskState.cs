namespace Baremetal.DeployAgent.Logs;

/// <summary>The block devices as sysfs has them now, partitions and what lies on top included: lsblk(8) without its library.</summary>
internal static class DiskState
{
    private const int SysfsSector = 512;

    public static IEnumerable<string> Lines(Machine machine)
    {
        // Devices that were made in advance and never filled, such as loop0, have no size.
        foreach (var disk in machine.Names("/sys/block").Where(name => machine.Number($"/sys/block/{name}/size") > 0))
        {
            var block = $"/sys/block/{disk}";
            yield return Line(machine, disk, block, Facts(machine, block));
            foreach (var partition in machine.Names(block).Where(name => machine.Number($"{block}/{name}/partition") is not null))
                yield return "  " + Line(machine, partition, $"{block}/{partition}", $"at {machine.Number($"{block}/{partition}/start") * SysfsSector}");
        }
    }

    private static string Line(Machine machine, string name, string path, string facts)
    {
        var holders = machine.Names($"{path}/holders");
        return $"{name}: {machine.Number($"{path}/size") * SysfsSector} bytes, {facts}{(holders.Count > 0 ? $", used by {string.Join(' ', holders)}" : "")}";
    }

    // state and ioerr_cnt are SCSI's: a disk that the kernel gave up is "offline".
    private static string Facts(Machine machine, string block) => string.Join(", ", new[]
    {
        $"sectors of {machine.Text($"{block}/queue/logical_block_size") ?? "?"}",
        machine.Number($"{block}/ro") == 1 ? "read-only" : null,
        machine.Text($"{block}/device/model"),
        machine.Text($"{block}/device/state") is { } state ? $"state {state}" : null,
        machine.Text($"{block}/device/ioerr_cnt") is { } errors and not "0x0" ? $"errors {errors}" : null,
        machine.Text($"{block}/inflight") is { } inflight ? $"in flight {string.Join('+', inflight.Split(' ', StringSplitOptions.RemoveEmptyEntries))}" : null,
    }.OfType<string>());
}
