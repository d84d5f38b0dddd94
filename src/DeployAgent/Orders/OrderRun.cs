using Baremetal.Api;
using Baremetal.Api.Client;
using Baremetal.DeployAgent.Enrolment;
using Baremetal.DeployAgent.Logs;
using Baremetal.DeployAgent.Steps;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Orders;

/// <summary>How an order ended.</summary>
internal enum OrderEnd
{
    /// <summary>There is no more to do for it, or it failed, or it is not this agent's any more.</summary>
    Over,

    /// <summary>All is done, and the machine shall be restarted.</summary>
    Restart,

    /// <summary>The same, by the kernel that is loaded.</summary>
    StartKernel,
}

/// <summary>The step that runs, and how far it is.</summary>
internal sealed record StepAt(string Step, Progress? Progress);

/// <summary>One accepted order, while its steps run one after the other. Heartbeats look at it from outside.</summary>
internal sealed class OrderRun(DeployOrder order, OrderQuestion question, IReadOnlyList<Disk> disks, TrustAnchor anchor, Enrolled enrolled, Machine machine, AgentConsole console, TimeProvider time, LastWords lastWords) : IDisposable
{
    private readonly CancellationTokenSource _abort = new();
    private volatile StepAt? _at;

    public DeployOrder Order => order;

    public OrderQuestion Question => question;

    /// <summary>The disks that the order means; of one that writes its target, then those whose config drives are removed.</summary>
    public IReadOnlyList<Disk> Disks => disks;

    /// <summary>The one that an order writes.</summary>
    public Disk Disk => disks[0];

    public TrustAnchor Anchor => anchor;

    public Enrolled Enrolled => enrolled;

    public Machine Machine => machine;

    public AgentConsole Console => console;

    public TimeProvider Time => time;

    /// <summary>The installed kernel is loaded, to be started in place of the firmware.</summary>
    public bool KernelIsReady { get; set; }

    /// <summary>Null before the first step.</summary>
    public StepAt? At => _at;

    public void Tell(Progress progress) => _at = _at is { } at ? at with { Progress = progress } : null;

    /// <summary>Stops before the next chunk or step.</summary>
    public void Abort() => _abort.Cancel();

    /// <param name="stop">The agent ends: the order is left as it is, for its next start.</param>
    public async Task<OrderEnd> RunAsync(CancellationToken stop)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, _abort.Token);
        try
        {
            foreach (var step in order.Steps)
            {
                await ReportAsync(enrolled.Client, order.OrderId, question, step.Name, StepOutcome.Started, null, null, either.Token);
                _at = new StepAt(step.Name, null);
                var end = await TryAsync(step, either.Token);
                stop.ThrowIfCancellationRequested();
                if (end.Expired is not null)
                {
                    console.Say(end.Expired.ToString());
                    return OrderEnd.Over;
                }
                if (end.Failure is not null)
                {
                    console.Say($"Step {step.Name} failed: {end.Failure}");
                    // Before the report, which ends the job.
                    await lastWords.SendAsync(enrolled.Client, console, stop);
                }
                // An abort does not keep the conductor from hearing how far it came.
                await ReportAsync(enrolled.Client, order.OrderId, question, step.Name, end.Failure is null ? StepOutcome.Done : StepOutcome.Failed, end.Failure, end.Result, stop, end.Erased, end.Code);
                if (end.Failure is not null)
                    return OrderEnd.Over;
                either.Token.ThrowIfCancellationRequested();
            }
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            console.Say($"Order {order.OrderId} was aborted by the conductor.");
            return OrderEnd.Over;
        }
        catch (ProblemException e)
        {
            console.Say($"Order {order.OrderId} is dropped: {e.Message}");
            return OrderEnd.Over;
        }
        return order.Steps[^1].Name != OrderSteps.Reboot ? OrderEnd.Over : KernelIsReady ? OrderEnd.StartKernel : OrderEnd.Restart;
    }

    /// <summary>Tells the key of the rescue's SSH server, so that whoever logs in can compare it.</summary>
    public Task TellHostKeyAsync(string key, CancellationToken cancel) =>
        enrolled.Client.ReportAsync(order.OrderId, new StepReport(question.BootId, question.Nonce, OrderSteps.Rescue, StepOutcome.Started, null, null, HostKey: key), cancel);

    public void Dispose() => _abort.Dispose();

    /// <summary>Tells how a step goes, until the conductor has heard it.</summary>
    public static Task ReportAsync(
        AgentClient client, string order, OrderQuestion question, string step, StepOutcome outcome, Rejection? cause, WriteResult? result, CancellationToken cancel, ErasedDisk[]? erased = null, string? code = null) =>
        client.ReportAsync(order, new StepReport(question.BootId, question.Nonce, step, outcome, cause?.ToString(), result, erased, Code: code), cancel);

    // What the hardware and the network do to a step is its failure, not the agent's.
    private async Task<StepEnd> TryAsync(OrderStep step, CancellationToken cancel)
    {
        try
        {
            return await StepTable.All[step.Name](this, cancel);
        }
        catch (OperationCanceledException) when (_abort.IsCancellationRequested)
        {
            return new StepEnd(new Rejection($"Step {step.Name} was aborted by the conductor."));
        }
        catch (ProblemException e)
        {
            return new StepEnd(new Rejection(e.Message), Code: FailureCodes.SourceFailed);
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancel.IsCancellationRequested)
        {
            return new StepEnd(new Rejection($"Step {step.Name} failed at {string.Join(", ", disks.Select(disk => disk.Name))}: {e.Message}"), Code: e is IOException or UnauthorizedAccessException ? null : FailureCodes.AgentFailed);
        }
    }
}
