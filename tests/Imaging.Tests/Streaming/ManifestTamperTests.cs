using System.Text;
using System.Text.Json;
using Baremetal.Imaging.Signing;
using Baremetal.Imaging.Sources;
using Baremetal.Imaging.Streaming;
using Baremetal.Support;
using Baremetal.Trust;

namespace Baremetal.Imaging.Tests.Streaming;

/// <summary>
/// Every byte of a signed manifest's file flipped, through all that stands between the file and the disk: trust, indexes, the writer. Either nothing is
/// written and nothing flushed, or the flip was in what has no meaning, and the disk holds what was signed.
/// </summary>
public sealed class ManifestTamperTests : IDisposable
{
    private const int DiskSize = 64 << 10;

    /// <summary>The payload's beginning: every bit of it. All fields have the same protection, so that one bit of each byte does for the rest.</summary>
    private const int EveryBitOf = 512;

    private readonly TestFolder _folder = new();
    private readonly SigningKey _root = SigningKey.Create();
    private readonly SigningKey _key = SigningKey.Create();
    private readonly byte[] _disk = new byte[DiskSize];
    private readonly SignedImage _signed;
    private readonly TrustAnchor _anchor;

    public ManifestTamperTests()
    {
        new Random(17).NextBytes(_disk);
        File.WriteAllBytes(_folder["disk.raw"], _disk);
        var (measured, rejection) = MeasuredImage.Measure(_folder["disk.raw"], null, TestContext.Current.CancellationToken);
        Assert.True(measured is not null, rejection?.ToString());
        _signed = ImageSigner.Sign(measured, new ImageStatement("test", "1", 1, DateTimeOffset.UnixEpoch), _key);
        var trust = TrustDocument.First(_root.Public, _key.Public, DateTimeOffset.UnixEpoch.AddYears(1));
        Assert.True(TrustAnchor.TryPin(Envelope.Sign(TrustDocument.PayloadType, trust.ToPayload(), _root), out var anchor, out rejection), rejection?.ToString());
        _anchor = anchor;
    }

    public void Dispose()
    {
        _folder.Dispose();
        _root.Dispose();
        _key.Dispose();
    }

    [Fact]
    public void Manifest_WithAnyByteFlipped_WritesNothingOrWhatWasSigned()
    {
        var text = Encoding.ASCII.GetString(_signed.Envelope);
        var envelope = JsonDocument.Parse(text).RootElement;
        var payload = Where(text, envelope.GetProperty("payload").GetString()!);
        var signature = envelope.GetProperty("signatures")[0];
        var sig = Where(text, JsonEncodedText.Encode(signature.GetProperty("sig").GetString()!).ToString());
        // The name of the hint may change as well: a member that nobody knows is let be.
        var hint = text.IndexOf("\"keyid\"", StringComparison.Ordinal)..(Where(text, signature.GetProperty("keyid").GetString()!).End.Value + 1);
        var accepted = 0;

        for (var at = 0; at < text.Length; at++)
        {
            var every = at >= payload.Start.Value && at < payload.Start.Value + EveryBitOf;
            for (var bit = every ? 0 : at % 8; bit < (every ? 8 : (at % 8) + 1); bit++)
            {
                var target = new RecordingTarget(new byte[DiskSize]);
                if (!Writes(Mutator.FlipBit(_signed.Envelope, (at * 8L) + bit), target))
                {
                    Assert.True(target.Writes.Count == 0, $"bit {bit} of byte {at} ('{text[at]}') was refused, but only after {target.Writes.Count} writes and flushes");
                    continue;
                }
                accepted++;
                Assert.True(IsIn(hint, at) || IsEndOf(payload, at) || IsEndOf(sig, at) || IsEscape(text, at), $"bit {bit} of byte {at} ('{text[at]}') was accepted");
                Assert.Equal(_disk, target.Disk);
            }
        }

        // The hint alone has 64 digits.
        Assert.InRange(accepted, 20, 200);
    }

    [Fact]
    public void Manifest_AsItWasSigned_IsWritten()
    {
        var target = new RecordingTarget(new byte[DiskSize]);

        Assert.True(Writes(_signed.Envelope, target));
        Assert.Equal(_disk, target.Disk);
    }

    // What 'deploy-agent write' does with a manifest, from its file to the disk.
    private bool Writes(byte[] envelope, RecordingTarget target)
    {
        if (!_anchor.TryOpenManifest(envelope, DateTimeOffset.UnixEpoch, out var manifest, out var digest, out _))
            return false;
        Assert.Equal(Digest.Of(_signed.Manifest.ToPayload()), digest);
        Assert.True(VerifiedImage.TryVerify(manifest, _signed.DiskIndex, _signed.SourceIndex, out var verified, out var rejection), rejection?.ToString());
        var outcome = ImageWriter.Write(verified, [new FileSource(_folder["disk.raw"])], target, new WriteOptions(), new WriteProgress(), TimeProvider.System, TestContext.Current.CancellationToken);
        Assert.True(outcome.Status == WriteStatus.Written, outcome.Reason?.ToString());
        return true;
    }

    private static Range Where(string text, string part)
    {
        var start = text.IndexOf(part, StringComparison.Ordinal);
        Assert.True(start >= 0, part);
        return start..(start + part.Length);
    }

    // A '+' of the signature may be escaped, and the escape's last digit is the same in lower case.
    private static bool IsEscape(string text, int at) => at >= 5 && text.AsSpan(at - 5, 6) is "\\u002B";

    private static bool IsIn(Range range, int at) => at >= range.Start.Value && at < range.End.Value;

    // Of base64's last character some bits are not used, and its padding says nothing. An escape of '+' at the end has six characters.
    private static bool IsEndOf(Range range, int at) => at >= range.End.Value - 8 && at < range.End.Value;
}
