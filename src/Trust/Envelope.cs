using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Baremetal.Trust;

/// <summary>
/// A signed document as it travels: DSSE v1 (https://github.com/secure-systems-lab/dsse/blob/master/envelope.md).
/// <code>
/// { "payloadType": "…", "payload": base64, "signatures": [ { "keyid": hint, "sig": base64 of DER ECDSA } ] }
/// </code>
/// What is signed is the pre-authentication encoding of type and payload, so a signature for one type never holds for another.
/// Nothing of the payload is parsed before its signatures hold.
/// </summary>
public sealed record Envelope(string PayloadType, string Payload, EnvelopeSignature[] Signatures)
{
    /// <summary>No document of ours comes near; the largest part, an index, is not in it.</summary>
    public const int MaxBytes = 1 << 20;

    private const int MaxSignatures = 64;

    public static byte[] Sign(string payloadType, ReadOnlySpan<byte> payload, params ReadOnlySpan<SigningKey> keys)
    {
        var encoded = PreAuthenticationEncoding(payloadType, payload);
        var signatures = new EnvelopeSignature[keys.Length];
        for (var i = 0; i < keys.Length; i++)
            signatures[i] = new EnvelopeSignature(Convert.ToBase64String(keys[i].Sign(encoded)), keys[i].KeyId.ToString());
        var envelope = new Envelope(payloadType, Convert.ToBase64String(payload), signatures);
        return JsonSerializer.SerializeToUtf8Bytes(envelope, DocumentJson.Default.Envelope);
    }

    /// <summary>One signature more, over the payload as it is; those that are there stay. Whether it is worth signing is the caller's question.</summary>
    public static bool TryCosign(ReadOnlySpan<byte> bytes, SigningKey key, [NotNullWhen(true)] out byte[]? cosigned, [NotNullWhen(false)] out Rejection? rejection)
    {
        cosigned = null;
        if (!TryRead(bytes, out var envelope, out var payload, out rejection))
            return false;
        var signature = new EnvelopeSignature(Convert.ToBase64String(key.Sign(PreAuthenticationEncoding(envelope.PayloadType, payload))), key.KeyId.ToString());
        var written = JsonSerializer.SerializeToUtf8Bytes(envelope with { Signatures = [.. envelope.Signatures, signature] }, DocumentJson.Default.Envelope);
        // What no reader would take is not made.
        if (!TryRead(written, out _, out _, out rejection))
            return false;
        cosigned = written;
        return true;
    }

    /// <summary>
    /// Opens an envelope of the expected type. Which of the candidates have signed it is in the result; whether that is enough is the
    /// caller's question, and so is everything that the payload says.
    /// </summary>
    public static bool TryOpen(
        ReadOnlySpan<byte> bytes,
        string expectedType,
        IReadOnlyCollection<PublicKey> candidates,
        [NotNullWhen(true)] out SignedPayload? signed,
        [NotNullWhen(false)] out Rejection? rejection)
    {
        signed = null;
        if (!TryRead(bytes, out var envelope, out var payload, out rejection))
            return false;
        if (envelope.PayloadType != expectedType)
        {
            rejection = new Rejection($"The document is of type '{Printable(envelope.PayloadType)}', expected was '{expectedType}'.");
            return false;
        }

        var encoded = PreAuthenticationEncoding(expectedType, payload);
        var signers = new HashSet<Digest>();
        foreach (var signature in envelope.Signatures)
        {
            if (!TryDecodeBase64(signature.Sig, out var der))
                continue;
            // The key id is only a hint: a signature counts for the key that it verifies with.
            var signer = candidates
                .OrderByDescending(key => key.KeyId.ToString() == signature.Keyid)
                .FirstOrDefault(key => key.Verify(encoded, der));
            if (signer is not null)
                signers.Add(signer.KeyId);
        }
        signed = new SignedPayload(payload, Digest.Of(payload), signers);
        return true;
    }

    /// <summary>Decodes without verifying: for showing a document, and for a first trust document, whose keys are in itself.</summary>
    public static bool TryRead(
        ReadOnlySpan<byte> bytes,
        [NotNullWhen(true)] out Envelope? envelope,
        [NotNullWhen(true)] out byte[]? payload,
        [NotNullWhen(false)] out Rejection? rejection)
    {
        envelope = null;
        payload = null;
        rejection = null;
        if (bytes.Length > MaxBytes)
        {
            rejection = new Rejection($"The signed document has {bytes.Length} bytes; the most that is read is {MaxBytes}.");
            return false;
        }
        try
        {
            envelope = JsonSerializer.Deserialize(bytes, DocumentJson.Default.Envelope);
        }
        catch (JsonException e)
        {
            rejection = new Rejection($"The signed document is not a DSSE envelope: {e.Message}");
            return false;
        }
        if (envelope is null || envelope.Signatures.Length > MaxSignatures || Array.Exists(envelope.Signatures, signature => signature is null))
        {
            rejection = new Rejection($"The signed document is not a DSSE envelope: it is empty, or has an empty signature or more than {MaxSignatures}.");
            return false;
        }
        if (!TryDecodeBase64(envelope.Payload, out payload))
        {
            rejection = new Rejection("The signed document's payload is not base64.");
            return false;
        }
        return true;
    }

    /// <summary><c>"DSSEv1" SP LEN(type) SP type SP LEN(body) SP body</c>, lengths in bytes as decimal text.</summary>
    public static byte[] PreAuthenticationEncoding(string payloadType, ReadOnlySpan<byte> payload)
    {
        var head = string.Create(CultureInfo.InvariantCulture, $"DSSEv1 {Encoding.UTF8.GetByteCount(payloadType)} {payloadType} {payload.Length} ");
        return [.. Encoding.UTF8.GetBytes(head), .. payload];
    }

    // DSSE lets a signer use either alphabet.
    private static bool TryDecodeBase64(string text, [NotNullWhen(true)] out byte[]? bytes)
    {
        var standard = text.Replace('-', '+').Replace('_', '/').TrimEnd('=');
        standard = standard.PadRight((standard.Length + 3) / 4 * 4, '=');
        var buffer = new byte[standard.Length / 4 * 3];
        bytes = Convert.TryFromBase64String(standard, buffer, out var written) ? buffer[..written] : null;
        return bytes is not null;
    }

    private static string Printable(string text) =>
        string.Concat(text.Take(100).Select(c => char.IsAsciiLetterOrDigit(c) || "/.+-".Contains(c, StringComparison.Ordinal) ? c : '?'));
}

/// <summary>One signature of an <see cref="Envelope"/>; <paramref name="Keyid"/> is a hint that nothing depends on.</summary>
public sealed record EnvelopeSignature(string Sig, string? Keyid = null);

/// <summary>An opened envelope: the payload, its digest (which is the document's), and the keys whose signatures hold.</summary>
public sealed record SignedPayload(byte[] Payload, Digest Digest, IReadOnlySet<Digest> Signers);
