using System.CommandLine;
using System.Text;
using System.Text.Json;
using Baremetal.Trust;

namespace Baremetal.Cli.Keys;

/// <summary><c>conductor key …</c>: keys and trust documents, on any machine, without a conductor.</summary>
internal static class KeyCommands
{
    private const string RootKey = "root.key";
    private const string RootPublic = "root.pub";
    private const string ImageKey = "image.key";
    private const string ImagePublic = "image.pub";
    private const string TrustFile = "trust.dsse.json";

    public static Verb New()
    {
        var directory = new Option<string>("--out") { HelpName = "DIR", Required = true, Description = "Where the five files go; made if it is not there." };
        var expires = new Option<string>("--expires")
        {
            HelpName = "TIME",
            // Long enough to be forgotten is too long, short enough to stop a small site's deploys in its second summer is too short.
            DefaultValueFactory = _ => "2y",
            Description = "Until when the trust document holds: a date, or a span such as 90d or 2y (the default).",
        };
        return new Verb(
            "new",
            "Makes the root key, an image key, and the first trust document, which says that the image key may sign every image.",
            "conductor key new --out keys",
            (call, _) => Task.FromResult(Make(call, call.Require(directory), call.Require(expires))))
        {
            directory,
            expires,
        };
    }

    public static Verb Trust()
    {
        var rootKeys = new Option<string[]>("--root-key") { HelpName = "FILE", Required = true, Description = "A root key; given again where more than one has to sign." };
        var from = new Option<string>("--in") { HelpName = "FILE", Required = true, Description = "The trust document that is in force." };
        var to = new Option<string>("--out") { HelpName = "FILE", Required = true, Description = "Where the next version goes." };
        var add = new Option<string>("--add") { HelpName = "conductor=FILE", Description = "Lets the conductor with this order.pub order deploys to agents that see the CA of --ca." };
        var expires = new Option<string>("--expires") { HelpName = "TIME", Description = "Until when the next version holds; else as long as the one before." };
        return new Verb(
            "trust",
            "Signs the next version of a trust document: with a conductor that may order deploys, or with more time.",
            """
            conductor key trust --root-key keys/root.key --in keys/trust.dsse.json \
              --add conductor=/var/lib/baremetal/order.pub \
              --ca /var/lib/baremetal/ca.pem --out keys/trust-2.dsse.json
            """,
            (call, _) => Task.FromResult(SignNext(call, call.Require(rootKeys), call.Require(from), call.Require(to), call.Get(add), call.Get(expires))))
        {
            rootKeys,
            from,
            add,
            expires,
            to,
        };
    }

    public static Verb List()
    {
        var files = new Argument<string[]>("FILE") { Arity = ArgumentArity.OneOrMore, Description = "A trust document, or all its versions, oldest first." };
        return new Verb(
            "list",
            "Shows a trust document: which keys it trusts for what, whether its signatures hold, and if not, why.",
            "conductor key list keys/trust.dsse.json keys/trust-2.dsse.json",
            (call, _) => Task.FromResult(Show(call, call.Require(files))))
        {
            files,
        };
    }

    private static int Make(Invocation call, string directory, string expires)
    {
        var until = Moment.Parse(expires, "--expires", call.Now);
        using var root = SigningKey.Create();
        using var image = SigningKey.Create();
        var envelope = Envelope.Sign(TrustDocument.PayloadType, TrustDocument.First(root.Public, image.Public, until).ToPayload(), root);
        var anchor = Pin(envelope, "The new trust document");

        NewFiles.Write(
            directory,
            (RootKey, root.Save),
            (RootPublic, path => NewFiles.WritePublic(path, Encoding.ASCII.GetBytes(root.Public.ToPem() + "\n"))),
            (ImageKey, image.Save),
            (ImagePublic, path => NewFiles.WritePublic(path, Encoding.ASCII.GetBytes(image.Public.ToPem() + "\n"))),
            (TrustFile, path => NewFiles.WritePublic(path, envelope)));
        call.Show(new NewKeys(directory, root.KeyId, image.KeyId, anchor.Digest, until), CliJson.Default.NewKeys, KeyViews.Made);
        return ExitCodes.Done;
    }

    private static int SignNext(Invocation call, string[] rootKeys, string from, string to, string? add, string? expires)
    {
        var anchor = Pin(InputFile.Read(from, "trust document"), from);
        var next = Next(call, anchor.Document, add, expires);

        var keys = new List<SigningKey>();
        try
        {
            foreach (var path in rootKeys)
                keys.Add(SigningKey.TryLoad(path, out var key, out var unreadable) ? key : throw new Failure(File.Exists(path) ? ExitCodes.Failed : ExitCodes.NotFound, unreadable));
            var envelope = Envelope.Sign(TrustDocument.PayloadType, next.ToPayload(), [.. keys]);
            // What is written is what every agent will accept: the same code has just accepted it.
            if (!anchor.TryAdvance(envelope, out var advanced, out var rejection))
                throw Failure.Refused(rejection with { Remedy = $"Sign with the root keys that {from} names." });
            NewFiles.Write(Path.GetDirectoryName(Path.GetFullPath(to))!, (Path.GetFileName(to), path => NewFiles.WritePublic(path, envelope)));
            call.Show(ReportOf([from, to], advanced, call.Now), CliJson.Default.TrustReport, KeyViews.Signed);
            return ExitCodes.Done;
        }
        finally
        {
            keys.ForEach(key => key.Dispose());
        }
    }

    private static TrustDocument Next(Invocation call, TrustDocument document, string? add, string? expires)
    {
        var until = expires is null ? document.Expires : Moment.Parse(expires, "--expires", call.Now);
        var ca = call.Global(GlobalOptions.Ca);
        if (add is null)
        {
            return expires is null
                ? throw Failure.WrongUsage("The next version would say the same.", "Give --add conductor=FILE with --ca FILE, or --expires TIME.")
                : document with { Version = document.Version + 1, Expires = until };
        }
        if (add.Split('=', 2) is not ["conductor", { Length: > 0 } file])
            throw Failure.WrongUsage($"--add '{add}' is not conductor=FILE.", "The role 'conductor' is the only one that can be added.");
        if (ca is null)
            throw Failure.WrongUsage("--add needs --ca.", "Give the CA certificate of the same conductor; ca.pem lies in its state directory.");
        if (!PublicKey.TryLoad(file, out var order, out var rejection))
            throw new Failure(File.Exists(file) ? ExitCodes.Refused : ExitCodes.NotFound, rejection);
        return document.WithConductor(order, CaFile.DigestOf(ca)) with { Expires = until };
    }

    private static int Show(Invocation call, string[] files)
    {
        var envelopes = files.Select(file => InputFile.Read(file, "trust document")).ToArray();
        TrustReport report;
        if (TrustAnchor.TryWalk(envelopes, out var anchor, out var rejection))
        {
            report = ReportOf(files, anchor, call.Now);
        }
        else
        {
            if (!Envelope.TryRead(envelopes[^1], out _, out var payload, out _) || !TrustDocument.TryParse(payload, out var document, out _))
                throw Failure.Refused(rejection with { Cause = $"{files[^1]}: {rejection.Cause}" });
            report = new TrustReport(files, Verified: false, rejection.ToString(), Digest.Of(payload), JsonElement.Parse(payload)) { Document = document };
        }
        call.Show(report, CliJson.Default.TrustReport, KeyViews.Trust);
        return report is { Verified: true, Cause: null } ? ExitCodes.Done : ExitCodes.Refused;
    }

    private static TrustReport ReportOf(string[] files, TrustAnchor anchor, DateTimeOffset now) =>
        new(files, Verified: true, anchor.ExpiredAt(now)?.ToString(), anchor.Digest, JsonElement.Parse(anchor.Document.ToPayload())) { Document = anchor.Document };

    private static TrustAnchor Pin(byte[] envelope, string name) =>
        TrustAnchor.TryPin(envelope, out var anchor, out var rejection)
            ? anchor
            : throw Failure.Refused(rejection with { Cause = $"{name}: {rejection.Cause}" });
}
