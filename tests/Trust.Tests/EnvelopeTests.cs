using System.Text;
using System.Text.Json.Nodes;

namespace Baremetal.Trust.Tests;

public sealed class EnvelopeTests : IDisposable
{
    private const string Type = "application/vnd.test+json";
    private readonly SigningKey _key = SigningKey.Create();
    private readonly SigningKey _stranger = SigningKey.Create();
    private readonly ScratchFolder _folder = new();

    public void Dispose()
    {
        _key.Dispose();
        _stranger.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void TryOpen_SignedByTwo_NamesBothSigners()
    {
        var bytes = Envelope.Sign(Type, "{}"u8, _key, _stranger);

        Assert.True(Envelope.TryOpen(bytes, Type, [_key.Public, _stranger.Public], out var signed, out _));
        Assert.Equal([_key.KeyId, _stranger.KeyId], signed.Signers);
        Assert.Equal(Digest.Of("{}"u8), signed.Digest);
    }

    [Fact]
    public void TryOpen_SameKeySignedTwice_CountsOnce()
    {
        var bytes = Envelope.Sign(Type, "{}"u8, _key, _key);

        Assert.True(Envelope.TryOpen(bytes, Type, [_key.Public, _stranger.Public], out var signed, out _));
        Assert.Equal(_key.KeyId, Assert.Single(signed.Signers));
    }

    [Fact]
    public void TryOpen_OtherType_IsRefused()
    {
        var bytes = Envelope.Sign(Type, "{}"u8, _key);

        Assert.False(Envelope.TryOpen(bytes, ImageManifest.PayloadType, [_key.Public], out _, out var rejection));
        Assert.Contains(Type, rejection.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void TryOpen_TypeRewritten_SignatureNoLongerHolds()
    {
        var bytes = Encoding.UTF8.GetString(Envelope.Sign(Type, "{}"u8, _key)).Replace("vnd.test", "vnd.tost", StringComparison.Ordinal);

        Assert.True(Envelope.TryOpen(Encoding.UTF8.GetBytes(bytes), "application/vnd.tost+json", [_key.Public], out var signed, out _));
        Assert.Empty(signed.Signers);
    }

    [Fact]
    public void TryOpen_KeyIdOfAnother_StillFindsTheSigner()
    {
        var envelope = JsonNode.Parse(Envelope.Sign(Type, "{}"u8, _key))!;
        envelope["signatures"]![0]!["keyid"] = _stranger.KeyId.ToString();

        Assert.True(Envelope.TryOpen(Encoding.UTF8.GetBytes(envelope.ToJsonString()), Type, [_key.Public, _stranger.Public], out var signed, out _));
        Assert.Equal(_key.KeyId, Assert.Single(signed.Signers));
    }

    [Fact]
    public void TryOpen_UrlSafeAlphabet_IsAccepted()
    {
        var payload = TestDocuments.Random(500, seed: 1);
        var envelope = JsonNode.Parse(Envelope.Sign(Type, payload, _key))!;
        var standard = envelope["payload"]!.GetValue<string>();
        Assert.Contains('/', standard);
        envelope["payload"] = standard.Replace('+', '-').Replace('/', '_').TrimEnd('=');

        Assert.True(Envelope.TryOpen(Encoding.UTF8.GetBytes(envelope.ToJsonString()), Type, [_key.Public], out var signed, out _));
        Assert.Equal(payload, signed.Payload);
        Assert.Single(signed.Signers);
    }

    [Theory]
    [InlineData("""{"payloadType":"t","payloadType":"t","payload":"","signatures":[]}""")]
    [InlineData("""{"payloadType":"t","payload":"","signatures":[]} x""")]
    [InlineData("""{"payloadType":"t","payload":"","signatures":[]}{}""")]
    [InlineData("""{"payloadType":"t","payload":"","signatures":[null]}""")]
    [InlineData("""{"payloadType":"t","payload":"","signatures":null}""")]
    [InlineData("""{"payloadType":"t","payload":"@@","signatures":[]}""")]
    [InlineData("""{"payload":"","signatures":[]}""")]
    [InlineData("null")]
    [InlineData("")]
    [InlineData("[[[[[[[[[[[[[[[[[[[[")]
    public void TryOpen_NotAnEnvelope_IsRefused(string text) =>
        Assert.False(Envelope.TryOpen(Encoding.UTF8.GetBytes(text), "t", [_key.Public], out _, out _));

    [Fact]
    public void TryOpen_LargerThanTheCap_IsRefused() =>
        Assert.False(Envelope.TryOpen(new byte[Envelope.MaxBytes + 1], Type, [], out _, out _));

    [Fact]
    public void TryOpen_AnyByteFlipped_NeverYieldsOtherSignedPayload()
    {
        var bytes = Envelope.Sign(Type, """{"name":"value"}"""u8, _key);
        for (var i = 0; i < bytes.Length; i++)
        {
            var altered = (byte[])bytes.Clone();
            altered[i] ^= 1 << 2;
            if (Envelope.TryOpen(altered, Type, [_key.Public], out var signed, out _) && signed.Signers.Count > 0)
                Assert.Equal("""{"name":"value"}"""u8.ToArray(), signed.Payload);
        }
    }

    [Fact]
    public void PreAuthenticationEncoding_ExampleOfTheSpecification_IsReproduced() =>
        // https://github.com/secure-systems-lab/dsse/blob/master/protocol.md, "Test vectors"
        Assert.Equal("DSSEv1 29 http://example.com/HelloWorld 11 hello world"u8.ToArray(), Envelope.PreAuthenticationEncoding("http://example.com/HelloWorld", "hello world"u8));

    [Fact]
    public void Sign_CheckedByOpenssl_Holds()
    {
        var der = _key.Sign(Envelope.PreAuthenticationEncoding(Type, "{}"u8));
        _folder.Write("pae", Envelope.PreAuthenticationEncoding(Type, "{}"u8));
        _folder.Write("sig", der);
        File.WriteAllText(_folder.File("key.pub"), _key.Public.ToPem());

        var said = TestDocuments.Run("openssl", _folder.Path, "dgst", "-sha256", "-verify", "key.pub", "-signature", "sig", "pae");

        Assert.Contains("Verified OK", said, StringComparison.Ordinal);
    }

    [Fact]
    public void TryOpen_SignedByOpenssl_Holds()
    {
        TestDocuments.Run("openssl", _folder.Path, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "key.pem");
        TestDocuments.Run("openssl", _folder.Path, "pkey", "-in", "key.pem", "-pubout", "-out", "key.pub");
        _folder.Write("pae", Envelope.PreAuthenticationEncoding(Type, "{}"u8));
        TestDocuments.Run("openssl", _folder.Path, "dgst", "-sha256", "-sign", "key.pem", "-out", "sig", "pae");
        var envelope = new JsonObject
        {
            ["payloadType"] = Type,
            ["payload"] = Convert.ToBase64String("{}"u8),
            ["signatures"] = new JsonArray(new JsonObject { ["sig"] = Convert.ToBase64String(File.ReadAllBytes(_folder.File("sig"))) }),
        };

        Assert.True(PublicKey.TryLoad(_folder.File("key.pub"), out var key, out _));
        Assert.True(Envelope.TryOpen(Encoding.UTF8.GetBytes(envelope.ToJsonString()), Type, [key], out var signed, out _));
        Assert.Single(signed.Signers);
    }
}
