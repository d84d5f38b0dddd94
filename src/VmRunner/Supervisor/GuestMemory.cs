using Baremetal.Api;

namespace Baremetal.VmRunner.Supervisor;

/// <summary>What a VM's container takes of memory beside its guest's.</summary>
internal static class GuestMemory
{
    /// <summary>
    /// MiB that a container's memory limit must have beyond MEMORY_MB. Measured with QEMU 7.2 and without KVM, whose translated code KVM saves:
    /// 60 for a guest of 192 MiB that has just booted, of which the first process's own (anonymous) memory is 5; the rest is QEMU's, its display's
    /// 16 and what it has translated so far, which may become <see cref="TranslatedMiB"/>. What else is counted is cached files, which the kernel
    /// takes back.
    /// </summary>
    public const int OverheadMiB = CreateVm.OverheadMb;

    /// <summary>MiB of translated code that QEMU keeps without KVM. It would take an eighth of the host's memory.</summary>
    public const int TranslatedMiB = 64;

    // cgroup v2's file, then v1's: each has a line "oom_kill N".
    private static readonly string[] _events = ["/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"];

    /// <summary>Whether the kernel has ended a process of this container for want of memory.</summary>
    public static bool HasRunOut() => _events.Where(File.Exists).SelectMany(File.ReadLines).Any(line => line.StartsWith("oom_kill ", StringComparison.Ordinal) && !line.EndsWith(" 0", StringComparison.Ordinal));
}
