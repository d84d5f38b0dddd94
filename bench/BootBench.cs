using System.Diagnostics;
using Baremetal.Api;
using Baremetal.Lab;

namespace Baremetal.Bench;

/// <summary>
/// <c>bench.sh boot</c>: from the moment that QEMU starts kernel and ramdisk to the deploy agent's first word, on a machine with the least
/// memory that we promise, and with a DHCP server that answers at once. The limit is the same kernel with an initramfs that holds no more
/// than busybox, to its first word.
/// </summary>
internal static class BootBench
{
    private const int PromisedMiB = 256;
    private const string BareWord = "bare: here";
    private const string AgentWord = "agent: Baremetal deploy agent";

    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(3);

    public static async Task RunAsync(string folder, int runs)
    {
        var bare = MakeBareInitramfs(folder);
        await using var lan = await Lan.CreateAsync();
        await using var conductor = await LabConductor.StartAsync(lan, new LabConductorSettings());
        var (ours, limit) = (new List<double>(), new List<double>());
        for (var run = 1; run <= runs; run++)
        {
            limit.Add(await BootAsync(lan, (2 * run) - 1, bare, BareWord));
            ours.Add(await BootAsync(lan, 2 * run, BuildOutputs.Initrd, AgentWord));
            Console.Error.WriteLine($"bench: boot run {run} of {runs}: {ours[^1]:0.00} s, limit {limit[^1]:0.00} s");
        }
        Row.OfSecondsToLimit("boot", $"agent-{PromisedMiB}-MiB", ours, limit).Print();
    }

    private static async Task<double> BootAsync(Lan lan, int number, string initrd, string word)
    {
        var spec = VirtualServerSpec.Numbered(number, FirmwareMode.Bios) with
        {
            MemoryMiB = PromisedMiB,
            Processors = 2,
            Kernel = new DirectKernel(BuildOutputs.Kernel, initrd, $"{LabConductorSettings.VirtualKernelArguments} quiet"),
        };
        var server = await lan.AddServerAsync(spec);
        var begun = Stopwatch.GetTimestamp();
        await server.PowerOnAsync();
        await server.Serial.WaitForLineAsync(word, Bound);
        var took = Stopwatch.GetElapsedTime(begun);
        await server.PowerOffAsync();
        return took.TotalSeconds;
    }

    private static string MakeBareInitramfs(string folder)
    {
        var root = Path.Combine(folder, "bare");
        Tool.Run("mkdir", "-p", Path.Combine(root, "bin"));
        File.Copy("/bin/busybox", Path.Combine(root, "bin", "busybox"), overwrite: true);
        var init = Path.Combine(root, "init");
        File.WriteAllText(init, $"#!/bin/busybox sh\n/bin/busybox mkdir -p /dev\n/bin/busybox mount -t devtmpfs devtmpfs /dev\necho '{BareWord}' >/dev/console\nexec /bin/busybox sleep 1000\n");
        File.SetUnixFileMode(init, (UnixFileMode)0b111_101_101);
        var packed = root + ".img";
        Tool.RunShell($"cd '{root}'; find . | cpio --quiet -o -H newc -R 0:0 | zstd -q -19 -f -o '{packed}'");
        return packed;
    }
}
