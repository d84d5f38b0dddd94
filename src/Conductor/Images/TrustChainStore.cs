using System.Diagnostics.CodeAnalysis;
using Baremetal.Conductor.Certificates;
using Baremetal.Conductor.Settings;
using Baremetal.Trust;

namespace Baremetal.Conductor.Images;

/// <summary>
/// The chain of trust documents in its directory, walked anew when a file there changes: a new version, or a revocation, holds from the
/// next order on, without a restart.
/// </summary>
public sealed class TrustChainStore(ConductorSettings settings, StateDirectory state, CertificateAuthority authority, OrderKey orderKey, TimeProvider time)
{
    private readonly Lock _reading = new();
    private string? _seen;
    private Chain _chain = new([]);

    /// <summary>The document in force, for judging manifests.</summary>
    public bool TryGet([NotNullWhen(true)] out TrustAnchor? anchor, [NotNullWhen(false)] out Rejection? rejection)
    {
        (_, anchor, rejection, _) = Current();
        if (anchor?.ExpiredAt(time.GetUtcNow()) is { } expired)
            (anchor, rejection) = (null, expired);
        return anchor is not null;
    }

    /// <summary>The document in force, if it also lets this conductor sign orders: no agent would take one otherwise.</summary>
    public bool TryGetForOrders([NotNullWhen(true)] out TrustAnchor? anchor, [NotNullWhen(false)] out Rejection? rejection)
    {
        if (!TryGet(out anchor, out rejection))
            return false;
        var document = anchor.Document;
        if (!document.Roles.Conductor.Keyids.Contains(orderKey.Id) || document.Revoked.Keyids.Contains(orderKey.Id))
            rejection = new Rejection($"Trust document version {document.Version} does not name this conductor's order key ({orderKey.Id}).", Remedy());
        else if (document.ConductorCaSha256 != authority.Digest)
            rejection = new Rejection($"Trust document version {document.Version} names another CA than this conductor's ({authority.Digest}).", Remedy());
        if (rejection is not null)
            anchor = null;
        return anchor is not null;
    }

    /// <summary>The envelopes of all versions after the given one, oldest first.</summary>
    public byte[][] After(long version)
    {
        var (envelopes, anchor, _, _) = Current();
        return anchor is null ? [] : [.. envelopes.Skip((int)Math.Max(0, version - (anchor.Document.Version - envelopes.Length)))];
    }

    private string Remedy()
    {
        var newest = _chain.Newest ?? "trust.dsse.json";
        var next = Path.Combine(settings.TrustDirectory, $"trust-{(_chain.Anchor?.Document.Version ?? 1) + 1}.dsse.json");
        return $"Sign the next version: 'conductor key trust --root-key root.key --in {newest} --add conductor={state.OrderPublicKey} --ca {state.CaCertificate} --out {next}'.";
    }

    private Chain Current()
    {
        lock (_reading)
        {
            var files = Directory.Exists(settings.TrustDirectory)
                ? new DirectoryInfo(settings.TrustDirectory).GetFiles("*.dsse.json").OrderBy(file => file.Name, StringComparer.Ordinal).ToArray()
                : [];
            var look = string.Join('\n', files.Select(file => $"{file.Name} {file.Length} {file.LastWriteTimeUtc.Ticks}"));
            if (look != _seen)
                (_chain, _seen) = (Read(files), look);
            return _chain;
        }
    }

    private Chain Read(FileInfo[] files)
    {
        var byVersion = new SortedDictionary<long, (string Name, byte[] Envelope)>();
        foreach (var file in files)
        {
            var envelope = File.ReadAllBytes(file.FullName);
            // Only to order them: the walk below checks what each says of itself.
            if (!Envelope.TryRead(envelope, out _, out var payload, out var unreadable) || !TrustDocument.TryParse(payload, out var document, out unreadable))
                return new Chain([], null, new Rejection($"{file.FullName}: {unreadable}", "Remove the file, or replace it with the signed document."));
            if (!byVersion.TryAdd(document.Version, (file.Name, envelope)))
                return new Chain([], null, new Rejection($"{file.Name} and {byVersion[document.Version].Name} in {settings.TrustDirectory} are both version {document.Version} of the trust document.", "Keep the one that was signed last for this conductor."));
        }
        byte[][] envelopes = [.. byVersion.Values.Select(one => one.Envelope)];
        if (envelopes.Length == 0)
            return new Chain([], null, new Rejection($"No trust document is loaded: {settings.TrustDirectory} has no *.dsse.json.", $"Copy trust.dsse.json of 'conductor key new' there. {Remedy()}"));
        return TrustAnchor.TryWalk(envelopes, out var anchor, out var rejection)
            ? new Chain(envelopes, anchor, null, Path.Combine(settings.TrustDirectory, byVersion.Values.Last().Name))
            : new Chain([], null, new Rejection($"The trust documents in {settings.TrustDirectory} do not follow from each other: {rejection.Cause}", rejection.Remedy));
    }

    private sealed record Chain(byte[][] Envelopes, TrustAnchor? Anchor = null, Rejection? Rejection = null, string? Newest = null);
}
