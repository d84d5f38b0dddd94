namespace Baremetal.Cli.Keys;

/// <summary><c>conductor key trust</c>: the next version of a trust document, signed where the root keys are.</summary>
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
            (call, _) => Task.FromResult(files.SignNext(call, document => changes.Read(call, document))))
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
        };
    }
}
