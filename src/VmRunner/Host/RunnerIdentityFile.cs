using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Serialization;
using Baremetal.Trust;

namespace Baremetal.VmRunner.Host;

/// <summary>Who this runner is, and to whom. The certificates are PEM.</summary>
internal sealed record SavedRunner(Uri Server, string Ca, string Id, string Name, string Certificate);

/// <summary>The runner's key and identity in its <see cref="StateFolder"/>.</summary>
internal sealed class RunnerIdentityFile(StateFolder state)
{
    public string Path => state.Identity;

    /// <summary>The P-256 key: the one that was made before, or a new one, on the disk before it is used, since a token is good for one key only.</summary>
    public ECDsa Key()
    {
        StateFolder.Make(state.Root);
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        if (!File.Exists(state.Key))
        {
            StateFolder.Write(state.Key, key.ExportPkcs8PrivateKeyPem());
            return key;
        }
        try
        {
            key.ImportFromPem(File.ReadAllText(state.Key));
            return key;
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            throw HostFailure.Refused($"The runner's key {state.Key} cannot be read: {e.Message}", "Restore it, or remove it and join again with a new token.");
        }
    }

    public static string RequestOf(ECDsa key) =>
        // The subject counts for nothing: who this is follows from the token.
        Convert.ToBase64String(new CertificateRequest("CN=vm-runner", key, HashAlgorithmName.SHA256).CreateSigningRequest());

    public SavedRunner Load()
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(Path), RunnerIdentityJson.Default.SavedRunner) ?? throw new JsonException("it is empty");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw HostFailure.NotFound(
                $"This machine has not joined a conductor: there is no {Path}.", "'conductor runner token' makes a token; then run 'vm-runner join --server URL --token-file FILE --pin PIN' here.");
        }
        catch (JsonException e)
        {
            throw HostFailure.Refused($"The runner's identity {Path} cannot be read: {e.Message}", "Join again with a new token.");
        }
    }

    public void Save(SavedRunner runner) => StateFolder.Write(Path, JsonSerializer.Serialize(runner, RunnerIdentityJson.Default.SavedRunner));

    /// <summary>The certificate with its key, as TLS takes it. Throws a <see cref="Rejection"/>'s failure where they do not belong together.</summary>
    public X509Certificate2 Certificate(SavedRunner runner)
    {
        using var key = Key();
        try
        {
            using var bare = X509Certificate2.CreateFromPem(runner.Certificate);
            return bare.CopyWithPrivateKey(key);
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            throw HostFailure.Refused($"The runner's certificate in {Path} is not for its key {state.Key}: {e.Message}", "Join again with a new token.");
        }
    }
}

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(SavedRunner))]
internal sealed partial class RunnerIdentityJson : JsonSerializerContext;
