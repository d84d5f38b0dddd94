using System.Diagnostics;

namespace Baremetal.Lab.Tests;

public sealed class LeftoversTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Sweep_LabOfADeadProcess_IsRemovedWithItsProcesses()
    {
        var own = $"{await DeadPidAsync(Cancelled)}-1";
        var folder = Path.Combine(Path.GetTempPath(), $"baremetal-lab-{own}");
        Directory.CreateDirectory(Path.Combine(folder, "node-1"));
        await Tool.RunAsync("ip", ["netns", "add", $"bm{own}"], null, Cancelled);
        await Tool.RunAsync("ip", ["netns", "add", $"bm{own}-dhcp"], null, Cancelled);
        using var orphan = Process.Start("ip", ["netns", "exec", $"bm{own}", "sleep", "1000"]);
        await NetworkNamespaceHasAsync($"bm{own}", orphan.Id);

        var removed = await Leftovers.SweepAsync();
        await orphan.WaitForExitAsync(Cancelled).WaitAsync(TimeSpan.FromSeconds(30), Cancelled);

        // A lab of another process may have swept some of it a moment before.
        Assert.Subset(new HashSet<string> { $"folder {folder}", $"network namespace bm{own}", $"network namespace bm{own}-dhcp" }, removed.Where(name => name.Contains(own, StringComparison.Ordinal)).ToHashSet());
        Assert.Empty(Directory.EnumerateFiles("/run/netns", $"bm{own}*"));
        Assert.False(Directory.Exists(folder));
    }

    [Fact]
    public async Task Sweep_ContainersOfADeadProcess_UnmountsWhatTheyLeft()
    {
        var folder = Path.Combine(Path.GetTempPath(), $"baremetal-lab-{await DeadPidAsync(Cancelled)}-1");
        var layer = Directory.CreateDirectory(Path.Combine(folder, "storage", "overlay", "merged")).FullName;
        await Tool.RunAsync("mount", ["--bind", Path.Combine(folder, "storage", "overlay"), Path.Combine(folder, "storage", "overlay")], null, Cancelled);
        await Tool.RunAsync("mount", ["-t", "tmpfs", "tmpfs", layer], null, Cancelled);

        await Leftovers.SweepAsync();

        Assert.False(Directory.Exists(folder));
        Assert.DoesNotContain(folder, await File.ReadAllTextAsync("/proc/self/mountinfo", Cancelled), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sweep_LabOfALivingProcess_IsLeftAlone()
    {
        await using var lan = await Lan.CreateAsync(Cancelled);
        var process = lan.Conductor.Start("sleep", ["sleep", "1000"]);

        await Leftovers.SweepAsync(alsoKept: true);

        Assert.False(process.HasExited);
        Assert.True(File.Exists($"/run/netns/{lan.Conductor.Namespace}"));
        Assert.True(Directory.Exists(lan.Folder));
    }

    internal static async Task<int> DeadPidAsync(CancellationToken cancellationToken)
    {
        using var process = Process.Start("true");
        await process.WaitForExitAsync(cancellationToken);
        return process.Id;
    }

    // `ip netns exec` joins the namespace a moment after it has a pid.
    private static async Task NetworkNamespaceHasAsync(string name, int pid)
    {
        using var bounded = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!(await Tool.RunAsync("ip", ["netns", "pids", name], null, bounded.Token)).Split('\n').Contains($"{pid}"))
            bounded.Token.ThrowIfCancellationRequested();
    }
}
