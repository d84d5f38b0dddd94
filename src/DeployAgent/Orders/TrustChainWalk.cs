using System.Diagnostics.CodeAnalysis;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Orders;

/// <summary>From the trust document whose digest the boot script pins to the newest one that follows from it.</summary>
internal static class TrustChainWalk
{
    /// <param name="envelopes">The conductor's whole chain, oldest first.</param>
    public static bool TryFrom(Digest pin, IReadOnlyList<byte[]> envelopes, [NotNullWhen(true)] out TrustAnchor? anchor, [NotNullWhen(false)] out Rejection? rejection)
    {
        anchor = null;
        for (var i = 0; i < envelopes.Count; i++)
        {
            if (!Envelope.TryRead(envelopes[i], out _, out var payload, out _) || Digest.Of(payload) != pin)
                continue;
            return TrustAnchor.TryPin(envelopes[i], out var pinned, out rejection) && TryAdvance(pinned, envelopes.Skip(i + 1), out anchor, out rejection);
        }
        rejection = new Rejection($"None of the conductor's {envelopes.Count} trust documents is the one that the boot script pins (sha256 {pin}).", "Netboot the machine again; if this stays, the conductor's trust documents were replaced.");
        return false;
    }

    public static bool TryAdvance(TrustAnchor from, IEnumerable<byte[]> envelopes, [NotNullWhen(true)] out TrustAnchor? anchor, [NotNullWhen(false)] out Rejection? rejection)
    {
        anchor = null;
        rejection = null;
        var current = from;
        foreach (var envelope in envelopes)
        {
            if (!current.TryAdvance(envelope, out var next, out rejection))
                return false;
            current = next;
        }
        anchor = current;
        return true;
    }
}
