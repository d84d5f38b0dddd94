using System.CommandLine;
using Baremetal.Cli.Keys;
using Baremetal.Trust;

namespace Baremetal.Cli.Images;

/// <summary>
/// <c>conductor image cosign</c>: the second signer of an image, and those after it. They have the manifest alone: what they confirm is that this
/// image shall be deployed, not that its bytes are what they should be; for that, <c>image sign</c> takes all keys where the image is.
/// </summary>
internal static class CosignCommand
{
    public static Verb Create()
    {
        var manifest = new Argument<string>("MANIFEST") { Description = "NAME.dsse.json, as 'conductor image sign' writes it. It gets one signature more." };
        var key = new Option<string>("--key") { HelpName = "FILE", Required = true, Description = "An image key that has not signed it yet." };
        var trust = new Option<string[]>("--trust") { HelpName = "FILE", Required = true, Description = "The trust document; given again for all its versions, oldest first." };
        var passphrases = Passphrases.Option();
        return new Verb(
            "cosign",
            "Adds a signature to a manifest that is signed already, after the checks that an agent makes. The image itself is not needed.",
            """
            conductor image cosign images/debian-12.dsse.json --key second.key \
              --trust keys/trust.dsse.json
            """,
            (call, _) => Task.FromResult(Cosign(call, call.Require(manifest), call.Require(key), Passphrases.Of(call, passphrases), ImageVerification.Anchor(call.Require(trust)))))
        {
            manifest,
            key,
            trust,
            passphrases,
        };
    }

    private static int Cosign(Invocation call, string file, string keyFile, Func<string, IEnumerable<byte[]>> passphrases, TrustAnchor anchor)
    {
        var envelope = InputFile.Read(file, "image manifest");
        using var keys = PrivateKeys.Load([keyFile], passphrases);
        var key = keys.Single();
        if (!anchor.TryOpenManifestToCosign(envelope, key.Public, call.Now, out var signed, out var rejection)
            || !Envelope.TryCosign(envelope, key, out var cosigned, out rejection))
            throw Failure.Refused(rejection with { Cause = $"{file}: {rejection.Cause}" });

        NewFiles.Replace(file, cosigned);
        string[] signers = [.. signed.Signers.Append(key.KeyId).Select(signer => signer.ToString())];
        var missing = Math.Max(0, anchor.Document.Roles.Image.Threshold - signers.Length);
        call.Show(new CosignReport(file, signed.Digest, signed.Manifest.Predicate, signers, missing), CliJson.Default.CosignReport, ImageViews.Cosigned);
        return ExitCodes.Done;
    }
}
