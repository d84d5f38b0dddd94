using System.CommandLine;
using System.Text;
using System.Text.Json;
using Baremetal.Trust;

namespace Baremetal.Cli.Keys;

/// <summary><c>conductor key new|list</c>: keys and trust documents, on any machine, without a conductor.</summary>
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
        var encrypt = new Option<bool>("--encrypt") { Description = "Asks for a passphrase, twice, and encrypts both private keys with it." };
        var passphraseFile = new Option<string>(Passphrases.FileOption) { HelpName = "FILE", Description = "Encrypts with the first line of this file, and asks nothing." };
        return new Verb(
            "new",
            "Makes the root key, an image key, and the first trust document, which says that the image key may sign every image.",
            "conductor key new --out keys --encrypt",
            (call, _) =>
            {
                var until = Moment.Parse(call.Require(expires), "--expires", call.Now);
                var passphrase = call.Get(passphraseFile) is { } file ? Passphrases.Read(file) : call.Get(encrypt) ? Passphrases.Choose(call) : null;
                return Task.FromResult(Make(call, call.Require(directory), until, passphrase));
            })
        {
            directory,
            expires,
            encrypt,
            passphraseFile,
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

    private static int Make(Invocation call, string directory, DateTimeOffset until, byte[]? passphrase)
    {
        using var root = SigningKey.Create();
        using var image = SigningKey.Create();
        var envelope = Envelope.Sign(TrustDocument.PayloadType, TrustDocument.First(root.Public, image.Public, until).ToPayload(), root);
        if (!TrustAnchor.TryPin(envelope, out var anchor, out var rejection))
            throw Failure.Refused(rejection);

        NewFiles.Write(
            directory,
            (RootKey, path => Save(root, path, passphrase)),
            (RootPublic, path => NewFiles.WritePublic(path, Encoding.ASCII.GetBytes(root.Public.ToPem() + "\n"))),
            (ImageKey, path => Save(image, path, passphrase)),
            (ImagePublic, path => NewFiles.WritePublic(path, Encoding.ASCII.GetBytes(image.Public.ToPem() + "\n"))),
            (TrustFile, path => NewFiles.WritePublic(path, envelope)));
        call.Show(new NewKeys(directory, root.KeyId, image.KeyId, anchor.Digest, until), CliJson.Default.NewKeys, KeyViews.Made);
        return ExitCodes.Done;
    }

    private static void Save(SigningKey key, string path, byte[]? passphrase)
    {
        if (passphrase is null)
            key.Save(path);
        else
            key.Save(path, passphrase);
    }

    private static int Show(Invocation call, string[] files)
    {
        var envelopes = files.Select(file => InputFile.Read(file, "trust document")).ToArray();
        TrustReport report;
        if (TrustAnchor.TryWalk(envelopes, out var anchor, out var rejection))
        {
            var before = TrustAnchor.TryWalk(envelopes[..^1], out var last, out _) ? last.Document : null;
            report = TrustReport.Of(files, anchor, before, call.Now);
        }
        else
        {
            if (!Envelope.TryRead(envelopes[^1], out _, out var payload, out _) || !TrustDocument.TryParse(payload, out var document, out _))
                throw Failure.Refused(rejection with { Cause = $"{files[^1]}: {rejection.Cause}" });
            report = new TrustReport(files, Verified: false, rejection.ToString(), Digest.Of(payload), JsonElement.Parse(payload), Changes: null) { Document = document };
        }
        call.Show(report, CliJson.Default.TrustReport, KeyViews.Trust);
        return report is { Verified: true, Cause: null } ? ExitCodes.Done : ExitCodes.Refused;
    }
}
