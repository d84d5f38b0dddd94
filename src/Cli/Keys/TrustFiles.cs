using System.CommandLine;
using Baremetal.Trust;

namespace Baremetal.Cli.Keys;

/// <summary>From one version of a trust document to the next: read, changed, signed by the root keys, checked as an agent checks it, written.</summary>
internal sealed class TrustFiles
{
    public Option<string[]> RootKeys { get; } = new("--root-key") { HelpName = "FILE", Required = true, Description = "A root key; given again where more than one has to sign." };

    public Option<string> From { get; } = new("--in") { HelpName = "FILE", Required = true, Description = "The trust document that is in force." };

    public Option<string> To { get; } = new("--out") { HelpName = "FILE", Required = true, Description = "Where the next version goes." };

    public Option<string[]> PassphraseFiles { get; } = Passphrases.Option();

    public int SignNext(Invocation call, Func<TrustAnchor, TrustChanges> changes)
    {
        var (from, to) = (call.Require(From), call.Require(To));
        if (!TrustAnchor.TryPin(InputFile.Read(from, "trust document"), out var anchor, out var rejection))
            throw Failure.Refused(rejection with { Cause = $"{from}: {rejection.Cause}" });
        if (!changes(anchor).TryApply(anchor.Document, call.Now, out var next, out rejection))
            throw Failure.Refused(rejection);

        using var keys = PrivateKeys.Load(call.Require(RootKeys), Passphrases.Of(call, PassphraseFiles));
        var envelope = Envelope.Sign(TrustDocument.PayloadType, next.ToPayload(), [.. keys]);
        // What is written is what every agent will accept: the same code has just accepted it.
        if (!anchor.TryAdvance(envelope, out var advanced, out rejection))
            throw Failure.Refused(rejection with { Remedy = $"Give --root-key for enough root keys of both: of version {anchor.Document.Version} in {from}, and of version {next.Version}." });
        NewFiles.Write(Path.GetDirectoryName(Path.GetFullPath(to))!, (Path.GetFileName(to), path => NewFiles.WritePublic(path, envelope)));
        call.Show(TrustReport.Of([from, to], advanced, anchor.Document, call.Now), CliJson.Default.TrustReport, KeyViews.Signed);
        return ExitCodes.Done;
    }
}
