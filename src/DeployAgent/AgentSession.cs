using System.Security.Cryptography;
using Baremetal.Api;
using Baremetal.Api.Client;
using Baremetal.DeployAgent.Enrolment;
using Baremetal.DeployAgent.Inventory;
using Baremetal.DeployAgent.Logs;
using Baremetal.DeployAgent.Orders;
using Baremetal.DeployAgent.RootDevice;
using Baremetal.Imaging.Streaming;
using Baremetal.Trust;

namespace Baremetal.DeployAgent;

/// <summary>
/// One start of the agent: enrol, tell what the machine is, then beat until an order waits, obey it, and restart the machine.
/// It ends with the restart, with a cancellation, or with the reason why it cannot go on (<see cref="AgentException"/>, <see cref="ProblemException"/>).
/// </summary>
/// <param name="boot">What the boot script said.</param>
/// <param name="machine">The hardware, real or made up.</param>
/// <param name="console">For people.</param>
/// <param name="time">For pauses and for what passes; its date is not looked at.</param>
/// <param name="beat">The pause between heartbeats.</param>
public sealed class AgentSession(BootArguments boot, Machine machine, AgentConsole console, TimeProvider time, TimeSpan beat)
{
    public static readonly TimeSpan DefaultBeat = TimeSpan.FromSeconds(2);

    private readonly LastWords _lastWords = new(machine, console.Log, boot.Token);

    private TrustAnchor? _anchor;
    private OrderQuestion? _question;
    private string? _lastRefusal;

    public async Task RunAsync(CancellationToken cancel)
    {
        using var enrolled = await Enrolled.StartAsync(boot, machine, console, time, cancel);
        if (console.Log.HasPredecessor)
            await _lastWords.SendAsync(enrolled.Client, console, cancel);
        await PinTrustAsync(enrolled, cancel);

        var inventory = MachineInventory.Read(machine, boot.BootMac);
        foreach (var line in InventoryTable.Lines(inventory))
            console.Say(line);
        await enrolled.Client.PostInventoryAsync(inventory, cancel);
        console.Say("The conductor has the inventory. Waiting for an order.");
        var end = await BeatAsync(enrolled, cancel);
        await console.DrainAsync(time);
        if (end == OrderEnd.StartKernel)
            machine.StartKernel();
        machine.Restart();
    }

    // Returns when the machine shall restart, and how.
    private async Task<OrderEnd> BeatAsync(Enrolled enrolled, CancellationToken cancel)
    {
        OrderRun? run = null;
        var running = Task.FromResult(OrderEnd.Over);
        try
        {
            while (true)
            {
                var answer = await TryBeatAsync(enrolled, run, cancel);
                if (answer is { Abort: true })
                    run?.Abort();
                if (answer is { OrderWaiting: true } && run is null && (run = await TryTakeOrderAsync(enrolled, cancel)) is not null)
                    running = Task.Run(() => run.RunAsync(cancel), CancellationToken.None);

                var pause = Task.Delay(beat, time, cancel);
                await (run is null ? pause : Task.WhenAny(running, pause));
                cancel.ThrowIfCancellationRequested();
                if (run is null || !running.IsCompleted)
                    continue;
                run.Dispose();
                run = null;
                if (await running is not OrderEnd.Over and var end)
                    return end;
                console.Say("Waiting for an order.");
            }
        }
        finally
        {
            // A write that is cut off still makes sure that its disk does not boot.
            if (run is not null)
            {
                await running.ContinueWith(static _ => { }, TaskScheduler.Default);
                run.Dispose();
            }
        }
    }

    // Null when the conductor is away, or refuses what a running order can do without: it goes on, and its reports will tell.
    private async Task<HeartbeatAnswer?> TryBeatAsync(Enrolled enrolled, OrderRun? run, CancellationToken cancel)
    {
        try
        {
            await enrolled.RenewIfDueAsync(cancel);
            var at = run?.At;
            var answer = await enrolled.Client.HeartbeatAsync(new AgentHeartbeat(enrolled.Identity.BootId, run?.Order.OrderId, at?.Step, at?.Progress, ImageWriter.PeakMemory()), cancel);
            console.TellAnswer();
            return answer;
        }
        catch (ProblemException e) when (run is not null || Problems.ArePassing(e.Problem))
        {
            console.TellOutage(e.Problem);
            return null;
        }
    }

    private async Task<OrderRun?> TryTakeOrderAsync(Enrolled enrolled, CancellationToken cancel)
    {
        if (_anchor is null)
            return Refuse("An order waits, but the boot script pinned no trust document (bm.trust), so none is accepted. Give the conductor one with 'conductor key trust' and netboot the machine again.");
        // The same question until it is answered, or too old for an order to live long after it; then never again, so that no answer can come twice.
        if (_question?.IsStale(time) == true)
            _question = null;
        _question ??= new OrderQuestion(enrolled.Identity.NodeId, enrolled.Identity.BootId, enrolled.CaSha256, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)), time.GetTimestamp());
        try
        {
            var question = _question;
            var envelope = await enrolled.Client.AskOrderAsync(question.Nonce, cancel);
            _question = null;
            return envelope is null ? null : await TryAcceptAsync(envelope, question, enrolled, cancel);
        }
        catch (ProblemException e)
        {
            if (Problems.ArePassing(e.Problem))
                console.TellOutage(e.Problem);
            return Problems.ArePassing(e.Problem) ? null : Refuse(e.Message);
        }
    }

    private async Task<OrderRun?> TryAcceptAsync(byte[] envelope, OrderQuestion question, Enrolled enrolled, CancellationToken cancel)
    {
        // Read before it is believed: to know which trust document it follows, and whom to tell that it is refused.
        var claimed = Envelope.TryRead(envelope, out _, out var payload, out _) && DeployOrder.TryParse(payload, out var read, out _) ? read : null;
        var rejection = claimed?.TrustVersion > _anchor!.Document.Version ? await AdvanceTrustAsync(enrolled, cancel) : null;
        var code = FailureCodes.OrderRefused;
        if (rejection is null && OrderCheck.TryAccept(envelope, _anchor, enrolled.Clock.Now, question, out var order, out rejection))
        {
            code = FailureCodes.DiskMissing;
            if (TargetChoice.TryFind(order.Rescue is not null ? [] : order.Erase?.Disks ?? [order.Target!, .. order.RemoveConfigDrives ?? []], Disks.Read(machine), out var disks, out rejection))
            {
                if (OrderCheck.Expired(order, question, time) is { } expired)
                    return Refuse(expired.ToString());
                console.Say($"Order {order.OrderId}, attempt {order.Attempt}: {string.Join(", ", order.Steps.Select(step => step.Name))}{(disks.Length == 0 ? "" : $" on {string.Join(", ", disks.Select(disk => disk.Name))}")}.");
                return new OrderRun(order, question, disks, _anchor, enrolled, machine, console, time, _lastWords);
            }
        }
        Refuse($"The order is refused: {rejection}");
        if (claimed is not { Steps.Length: > 0 })
            return null;
        await _lastWords.SendAsync(enrolled.Client, console, cancel);
        await OrderRun.ReportAsync(enrolled.Client, claimed.OrderId, question, claimed.Steps[0].Name, StepOutcome.Failed, rejection, null, cancel, code: code);
        return null;
    }

    private async Task PinTrustAsync(Enrolled enrolled, CancellationToken cancel)
    {
        if (boot.Trust is not { } pin)
        {
            console.Say("The boot script pins no trust document (bm.trust): this start takes an inventory, and no order.");
            return;
        }
        var chain = await enrolled.Client.GetTrustAsync(from: 0, cancel);
        if (!TrustChainWalk.TryFrom(pin, Decoded(chain), out _anchor, out var rejection))
            throw new AgentException(rejection);
        console.Say($"Trust document version {_anchor.Document.Version}, as the boot script pins it.");
    }

    private async Task<Rejection?> AdvanceTrustAsync(Enrolled enrolled, CancellationToken cancel)
    {
        var chain = await enrolled.Client.GetTrustAsync(_anchor!.Document.Version, cancel);
        if (TrustChainWalk.TryAdvance(_anchor, Decoded(chain), out var newer, out var rejection))
            _anchor = newer;
        return rejection;
    }

    private static byte[][] Decoded(TrustChain chain)
    {
        try
        {
            return [.. chain.Envelopes.Select(Convert.FromBase64String)];
        }
        catch (FormatException)
        {
            throw new AgentException(new Rejection("The conductor's trust documents are not base64."));
        }
    }

    // Asked every other second, a conductor can give the same bad answer for days.
    private OrderRun? Refuse(string why)
    {
        if (why != _lastRefusal)
            console.Say(why);
        _lastRefusal = why;
        return null;
    }
}
