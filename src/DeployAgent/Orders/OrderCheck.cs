using System.Diagnostics.CodeAnalysis;
using Baremetal.DeployAgent.Steps;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Orders;

/// <summary>What this agent asked, and what it knows: an order must answer exactly that.</summary>
/// <param name="CaSha256">The CA that the conductor proved itself with.</param>
/// <param name="Nonce">32 bytes, hex: new for every question, so that no earlier order answers it.</param>
/// <param name="AskedAt">The monotonic time at which the nonce was made; an order's life counts from here.</param>
internal sealed record OrderQuestion(string NodeId, string BootId, Digest CaSha256, string Nonce, long AskedAt)
{
    // An order lives for ten minutes, counted from here: its better half is for what comes before the first write.
    private static readonly TimeSpan Life = TimeSpan.FromMinutes(3);

    /// <summary>Whether it waited so long for an answer that little would be left of an order's life.</summary>
    public bool IsStale(TimeProvider time) => time.GetElapsedTime(AskedAt) > Life;
}

/// <summary>Whether an order may be obeyed.</summary>
internal static class OrderCheck
{
    public static bool TryAccept(
        byte[] envelope, TrustAnchor anchor, DateTimeOffset now, OrderQuestion question, [NotNullWhen(true)] out DeployOrder? order, [NotNullWhen(false)] out Rejection? rejection)
    {
        if (!anchor.TryOpenOrder(envelope, out order, out rejection))
            return false;
        rejection = anchor.ExpiredAt(now) ?? FirstFault(order, anchor, question);
        return rejection is null;
    }

    /// <summary>
    /// Null while the order lives. It must when the write begins, and need not after that: a disk half-written is finished. One that has
    /// expired is no fault of anybody's: it is asked for anew, and nothing is reported.
    /// </summary>
    public static Rejection? Expired(DeployOrder order, OrderQuestion question, TimeProvider time)
    {
        var (life, age) = (order.NotAfter - order.IssuedAt, time.GetElapsedTime(question.AskedAt));
        return age <= life ? null : new Rejection($"Order {order.OrderId} was good for {life.TotalSeconds:0} seconds, and {age.TotalSeconds:0} have passed since it was asked for.", "It is asked for anew.");
    }

    private static Rejection? FirstFault(DeployOrder order, TrustAnchor anchor, OrderQuestion question)
    {
        if (anchor.Document.ConductorCaSha256 is { } ca && ca != question.CaSha256)
            return new Rejection($"Trust document version {anchor.Document.Version} lets a conductor with the CA {ca} give orders; this one has {question.CaSha256}.", "Sign the next version for this conductor with 'conductor key trust'.");
        if (order.NodeId != question.NodeId)
            return new Rejection($"Order {order.OrderId} is for node {order.NodeId}; this is node {question.NodeId}.");
        if (order.BootId != question.BootId)
            return new Rejection($"Order {order.OrderId} is for boot {order.BootId}; this is boot {question.BootId}.");
        if (order.AgentNonce != question.Nonce)
            return new Rejection($"Order {order.OrderId} does not answer this agent's question: its nonce is {order.AgentNonce}, the question's {question.Nonce}.", "It is an old order, or another agent's.");
        if (order.NotAfter <= order.IssuedAt)
            return new Rejection($"Order {order.OrderId} ends at {order.NotAfter:u}, before it begins ({order.IssuedAt:u}).");
        if (order.TrustVersion > anchor.Document.Version)
            return new Rejection($"Order {order.OrderId} follows trust document version {order.TrustVersion}; the conductor gave none after {anchor.Document.Version}.");
        return StepTable.FirstFault(order);
    }
}
