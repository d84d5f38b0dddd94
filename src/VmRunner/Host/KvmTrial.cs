using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Baremetal.VmRunner.Host;

/// <summary>
/// <c>vm-runner try-kvm</c>: a virtual machine of one instruction, HLT, is made and run to its end. A KVM that can be opened need not run anything, as
/// happens in VMs that are promised nested virtualisation; so it is tried, by a child that may hang.
/// </summary>
internal static partial class KvmTrial
{
    private const string Name = "try-kvm";
    private const string Device = "/dev/kvm";

    // A machine of one instruction takes milliseconds.
    private static readonly TimeSpan _bound = TimeSpan.FromSeconds(10);

    // linux/kvm.h
    private const nuint GetVersion = 0xae00, CreateVm = 0xae01, CreateProcessor = 0xae41, Run = 0xae80, GetRunSize = 0xae04;
    private const nuint SetMemory = 0x4020ae46, GetSpecial = 0x8138ae83, SetSpecial = 0x4138ae84, SetRegisters = 0x4090ae82;
    private const int Version = 12, SpecialBytes = 0x138, RegisterBytes = 0x90, ExitReasonOffset = 8, Halted = 5;
    private const int PageBytes = 4096, ReadWriteMap = 3, SharedMap = 1, PrivateMap = 2, AnonymousMap = 0x20;
    private const byte Halt = 0xf4;

    /// <returns>Why virtual machines cannot be run by KVM, or null.</returns>
    public static async Task<string?> AskAsync(CancellationToken cancel)
    {
        if (!File.Exists(Device))
            return $"There is no {Device}.";
        using var child = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, [Name]) { UseShellExecute = false, RedirectStandardOutput = true })!;
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        bounded.CancelAfter(_bound);
        try
        {
            var said = await child.StandardOutput.ReadToEndAsync(bounded.Token);
            await child.WaitForExitAsync(bounded.Token);
            return child.ExitCode == 0 ? null : said.Length > 0 ? said.Trim() : $"The trial of {Device} ended with exit code {child.ExitCode}.";
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return $"{Device} can be opened, but a virtual machine of one instruction did not end within {_bound.TotalSeconds:0} s.";
        }
        finally
        {
            if (!child.HasExited)
                child.Kill();
        }
    }

    public static Command Command()
    {
        var command = new Command(Name, "Runs a virtual machine of one instruction.") { Hidden = true };
        command.SetAction(_ =>
        {
            try
            {
                Try();
                return 0;
            }
            catch (IOException e)
            {
                Console.WriteLine(e.Message);
                return 1;
            }
        });
        return command;
    }

    private static unsafe void Try()
    {
        using var kvm = HostFile.Open(Device, HostFile.ReadWrite);
        if (Control(kvm, GetVersion, 0) is var version && version != Version)
            throw new IOException($"{Device} has version {version} of its interface; {Version} is known.");
        using var machine = new SafeFileHandle(Ask(kvm, CreateVm, 0, "makes no virtual machine"), ownsHandle: true);

        var memory = Map(0, PageBytes, ReadWriteMap, SharedMap | AnonymousMap, -1, 0);
        if (memory == -1)
            throw new IOException("There is no page of memory left for a trial.");
        *(byte*)memory = Halt;
        // struct kvm_userspace_memory_region: slot, flags, guest address, size, our address.
        var region = stackalloc ulong[4];
        (region[0], region[1], region[2], region[3]) = (0, PageBytes, PageBytes, (ulong)memory);
        Ask(machine, SetMemory, (nint)region, "takes no memory");

        using var processor = new SafeFileHandle(Ask(machine, CreateProcessor, 0, "makes no processor"), ownsHandle: true);
        var size = Ask(kvm, GetRunSize, 0, "does not say how it talks");
        var run = Map(0, size, ReadWriteMap, SharedMap, (int)processor.DangerousGetHandle(), 0);
        if (run == -1)
            throw new IOException($"{Device} does not share its state.");

        // struct kvm_sregs begins with the code segment, whose base comes first and selector third.
        var special = stackalloc byte[SpecialBytes];
        Ask(processor, GetSpecial, (nint)special, "does not tell its registers");
        *(ulong*)special = 0;
        *(ushort*)(special + 12) = 0;
        Ask(processor, SetSpecial, (nint)special, "does not take its registers");
        // struct kvm_regs: 16 general ones, then where to go on, then flags, whose second bit is always set.
        var registers = stackalloc ulong[RegisterBytes / sizeof(ulong)];
        new Span<ulong>(registers, RegisterBytes / sizeof(ulong)).Clear();
        (registers[16], registers[17]) = (PageBytes, 2);
        Ask(processor, SetRegisters, (nint)registers, "does not take its registers");

        Ask(processor, Run, 0, "does not run");
        if (*(uint*)(run + ExitReasonOffset) is var reason && reason != Halted)
            throw new IOException($"{Device}: a virtual machine of one instruction, HLT, ended for the reason {reason} instead of {Halted}.");
    }

    private static int Ask(SafeFileHandle handle, nuint request, nint argument, string otherwise)
    {
        var answer = Control(handle, request, argument);
        return answer >= 0 ? answer : throw new IOException($"{Device} {otherwise}: {new Win32Exception(Marshal.GetLastPInvokeError()).Message}.");
    }

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Control(SafeFileHandle handle, nuint request, nint argument);

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(nint address, nint length, int protection, int flags, int descriptor, nint offset);
}
