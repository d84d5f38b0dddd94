using System.Diagnostics.CodeAnalysis;
using Baremetal.Conductor.Certificates;
using Baremetal.Conductor.Settings;
using Baremetal.Trust;

namespace Baremetal.Conductor.Images;

/// <summary>
/// The chain of trust documents in its directory, walked anew when a file there changes: a new version, or a revocation, holds from the
/// next order on, without a restart.
/// </summary>
public sealed partial class TrustChainStore(ConductorSettings settings, StateDirectory state, CertificateAuthority authority, OrderKey orderKey, TimeProvider time, ILogger<TrustChainStore> logger)
{
    private readonly Lock _reading = new();
    private string? _seen;
    private Digest? _told;
    private DocumentChain _chain = new([]);

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
        rejection = TrustNaming.Refusal(anchor.Document, orderKey.Id, authority.Digest, Command());
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

    private string Command() => TrustNaming.Command(_chain, settings.TrustDirectory, state);

    private DocumentChain Current()
    {
        lock (_reading)
        {
            var files = DocumentChain.Files(settings.TrustDirectory);
            var look = string.Join('\n', files.Select(file => $"{file.Name} {file.Length} {file.LastWriteTimeUtc.Ticks}"));
            if (look != _seen)
            {
                (_chain, _seen) = (files.Length > 0 ? DocumentChain.Read(files) : Empty(), look);
                Tell();
            }
            return _chain;
        }
    }

    private void Tell()
    {
        if (_chain.Anchor is not { } anchor || anchor.Digest == _told)
            return;
        _told = anchor.Digest;
        LogInForce(anchor.Document.Version, anchor.Document.Expires.UtcDateTime);
    }

    private DocumentChain Empty() => new([], null, new Rejection(
        $"No trust document is loaded: {settings.TrustDirectory} has no *.dsse.json.",
        $"Copy trust.dsse.json of 'conductor key new' there. Sign the next version: {TrustNaming.Command(new DocumentChain([]), settings.TrustDirectory, state)}."));

    [LoggerMessage(3201, LogLevel.Information, "Trust document version {Version} is in force, until {Expires:yyyy-MM-dd}")]
    private partial void LogInForce(long version, DateTime expires);
}
