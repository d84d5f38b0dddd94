using Baremetal.Api;
using Baremetal.DeployAgent.Orders;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Steps;

/// <summary>
/// How a step ended: why it failed, or null, and <paramref name="Code"/>, one of <see cref="FailureCodes"/>, if more is known than which step it was; what a write cost, or what became of each disk that was erased; and <paramref name="Expired"/>, if the order's life was over before anything
/// was written: then the step has neither failed nor is it done.
/// </summary>
internal sealed record StepEnd(Rejection? Failure = null, WriteResult? Result = null, Rejection? Expired = null, ErasedDisk[]? Erased = null, string? Code = null)
{
    public static readonly StepEnd Done = new();
}

internal delegate Task<StepEnd> Step(OrderRun run, CancellationToken cancel);

/// <summary>All that an order can make the agent do.</summary>
internal static class StepTable
{
    public static readonly IReadOnlyDictionary<string, Step> All = new Dictionary<string, Step>(StringComparer.Ordinal)
    {
        [OrderSteps.WriteImage] = WriteImageStep.RunAsync,
        [OrderSteps.RemoveConfigDrives] = RemoveConfigDrivesStep.RunAsync,
        [OrderSteps.SetBootDisk] = SetBootDiskStep.RunAsync,
        [OrderSteps.Erase] = EraseStep.RunAsync,
        [OrderSteps.Rescue] = RescueStep.RunAsync,
        [OrderSteps.Reboot] = RebootStep.RunAsync,
    };

    public static Rejection? FirstFault(DeployOrder order)
    {
        if (order.Steps.Length == 0)
            return new Rejection($"Order {order.OrderId} has no steps.");
        if (Array.Find(order.Steps, step => !All.ContainsKey(step.Name)) is { } unknown)
            return new Rejection($"Order {order.OrderId} has the step '{unknown.Name}', which this agent does not know.", "The ramdisk is older than the conductor: build it anew.");
        if (Array.Find(order.Requires ?? [], need => need != OrderNeeds.Layout) is { } need)
            return new Rejection($"Order {order.OrderId} demands '{need}', which this agent does not know.", "The ramdisk is older than the conductor: build it anew.");
        if (order.Steps.DistinctBy(step => step.Name).Count() != order.Steps.Length)
            return new Rejection($"Order {order.OrderId} has a step twice.");
        if (Array.FindIndex(order.Steps, step => step.Name == OrderSteps.Reboot) is >= 0 and var reboot && reboot != order.Steps.Length - 1)
            return new Rejection($"Order {order.OrderId} has steps after the reboot.");
        if (Array.Exists(order.Steps, step => step.Name == OrderSteps.RemoveConfigDrives) != (order.RemoveConfigDrives is { Length: > 0 }) || (order.RemoveConfigDrives is not null && order.Target is null))
            return new Rejection($"Order {order.OrderId} does not say from which disks it removes config drives, or why it names them.");
        if (order.Rescue is not null || Array.Exists(order.Steps, step => step.Name == OrderSteps.Rescue))
        {
            // What lets somebody in does nothing else by itself. What is left of one that is over is the reboot.
            return order is { Rescue: { Seconds: > 0, SshKeys.Length: > 0 }, Erase: null, Target: null } && Array.TrueForAll(order.Steps, step => step.Name is OrderSteps.Rescue or OrderSteps.Reboot)
                ? null
                : new Rejection($"Order {order.OrderId} is no whole rescue, or more than one.");
        }
        // What erases and what writes are two jobs, and neither lacks what it works on.
        if (Array.Exists(order.Steps, step => step.Name == OrderSteps.Erase) ? order.Erase is not { Disks.Length: > 0 } || order.Target is not null : order.Erase is not null || order.Target is null)
            return new Rejection($"Order {order.OrderId} does not say which disk its steps mean.");
        if (order.Erase is { } erase && EraseStep.FirstUnknown(erase) is { } depth)
            return new Rejection($"Order {order.OrderId} erases by '{depth}', which this agent does not know.", "The ramdisk is older than the conductor: build it anew.");
        if (order.Layout is { } layout && (layout.SwapBytes < 0 || layout.SwapBytes % (1 << 20) != 0))
            return new Rejection($"Order {order.OrderId} gives the disk {layout.SwapBytes} bytes of swap, which is no whole number of MiB.");
        return null;
    }
}
