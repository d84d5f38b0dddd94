using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Baremetal.Api;

namespace Baremetal.DeployAgent.Enrolment;

/// <summary>An identity, and the monotonic time at which the conductor said its <see cref="AgentIdentity.ServerTime"/>: it runs on while the machine does.</summary>
internal sealed record SavedIdentity(AgentIdentity Identity, long SaidAt);

/// <summary>
/// <c>/run/agent</c>: the key and the identity of this boot, in memory and readable by nobody else. An agent that is started again finds them
/// and comes back as itself.
/// </summary>
internal sealed class AgentFiles(Machine machine)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly string _directory = machine.PathOf("/run/agent");

    private string KeyPath => Path.Join(_directory, "key.pem");

    private string IdentityPath => Path.Join(_directory, "identity.json");

    /// <summary>This boot's P-256 key: the one that was made before, or a new one.</summary>
    public ECDsa Key()
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        try
        {
            key.ImportFromPem(File.ReadAllText(KeyPath));
        }
        catch (Exception e) when (e is IOException or ArgumentException or CryptographicException)
        {
            // None yet. Saved before it is used: the token is good for one key only.
            Save(KeyPath, key.ExportPkcs8PrivateKeyPem());
        }
        return key;
    }

    public SavedIdentity? Identity()
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(IdentityPath), AgentFilesJson.Default.SavedIdentity);
        }
        catch (Exception e) when (e is IOException or JsonException)
        {
            return null;
        }
    }

    public void Save(SavedIdentity identity) => Save(IdentityPath, JsonSerializer.Serialize(identity, AgentFilesJson.Default.SavedIdentity));

    // Renamed into place, so that a start in the middle finds the old file or the new one.
    private void Save(string path, string text)
    {
        Directory.CreateDirectory(_directory, OwnerOnly | UnixFileMode.UserExecute);
        var fresh = path + ".new";
        File.Delete(fresh);
        using (var file = new FileStream(fresh, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = OwnerOnly }))
        using (var writer = new StreamWriter(file))
            writer.Write(text);
        File.Move(fresh, path, overwrite: true);
    }
}

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(SavedIdentity))]
internal sealed partial class AgentFilesJson : JsonSerializerContext;
