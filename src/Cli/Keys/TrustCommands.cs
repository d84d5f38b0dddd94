using System.CommandLine;
using Baremetal.Trust;

namespace Baremetal.Cli.Keys;

/// <summary><c>conductor key trust|revoke</c>: the next version of a trust document, signed where the root keys are.</summary>
internal static class TrustCommands
{
    public static Verb Trust()
    {
        var files = new TrustFiles();
        var changes = new TrustOptions();
        return new Verb(
            "trust",
            "Signs the next version of a trust document, with all the changes that are given. Nobody is locked out: what would leave a role without the keys that it needs is refused.",
            """
            conductor key trust --root-key keys/root.key --in keys/trust.dsse.json \
              --add conductor=/var/lib/baremetal/order.pub \
              --ca /var/lib/baremetal/ca.pem --out keys/trust-2.dsse.json
            conductor key trust --root-key keys/root.key --in keys/trust-2.dsse.json \
              --add image=build.pub --names build.pub=debian-*,ubuntu-* \
              --min-release debian-12=7 --out keys/trust-3.dsse.json
            """,
            (call, _) => Task.FromResult(files.SignNext(call, anchor => changes.Read(call, anchor.Document))))
        {
            files.RootKeys,
            files.From,
            changes.Add,
            changes.Remove,
            changes.Threshold,
            changes.Names,
            changes.MinRelease,
            changes.Expires,
            files.To,
            files.PassphraseFiles,
        };
    }

    public static Verb Revoke()
    {
        var files = new TrustFiles();
        var what = new Argument<string[]>("WHAT") { Arity = ArgumentArity.OneOrMore, Description = "A key: its id or the beginning of it, or its .pub file. Or an image's NAME.dsse.json." };
        return new Verb(
            "revoke",
            "Signs the next version of a trust document, in which keys count nowhere and images are written no more. It holds for whoever has that version.",
            """
            conductor key revoke keys/old.pub images/debian-11.dsse.json \
              --root-key keys/root.key --in keys/trust-2.dsse.json \
              --out keys/trust-3.dsse.json
            """,
            (call, _) => Task.FromResult(files.SignNext(call, anchor => Revoked(call.Require(what), anchor))))
        {
            what,
            files.RootKeys,
            files.From,
            files.To,
            files.PassphraseFiles,
        };
    }

    private static TrustChanges Revoked(string[] what, TrustAnchor anchor)
    {
        var (document, revoked) = (anchor.Document, anchor.Document.Revoked);
        var (keys, manifests) = (new List<Digest>(), new List<Digest>());
        foreach (var given in what)
        {
            var file = KeyReference.IsHex(given) ? [] : InputFile.Read(given, "key or manifest");
            // A PEM file begins with dashes, an envelope is JSON.
            var isManifest = file.AsSpan().TrimStart(" \t\r\n"u8) is [(byte)'{', ..];
            var digest = isManifest ? ManifestDigest(given, file, anchor) : KeyReference.Find(given, Enum.GetValues<TrustRole>().SelectMany(role => document.Roles.Of(role).Keyids), "key", document.Version);
            if (revoked.Keyids.Contains(digest) || revoked.Manifests.Contains(digest))
                throw Failure.Refused($"{given} is revoked already, by version {document.Version} or one before it.");
            (isManifest ? manifests : keys).Add(digest);
        }
        return new TrustChanges { RevokedKeys = keys, RevokedManifests = manifests };
    }

    private static Digest ManifestDigest(string path, byte[] envelope, TrustAnchor anchor) =>
        anchor.TryFindManifestDigest(envelope, out var digest, out var rejection)
            ? digest
            : throw Failure.Refused(rejection with { Cause = $"{path}: {rejection.Cause}" });
}
