namespace Baremetal.Conductor.Settings;

/// <summary>Where each thing lies in the state directory, and the one way to put a secret there.</summary>
public sealed class StateDirectory
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly string _root;

    public StateDirectory(string root)
    {
        _root = root;
        Directory.CreateDirectory(root, OwnerOnly | UnixFileMode.UserExecute);
        Directory.CreateDirectory(Blobs);
        Directory.CreateDirectory(Incoming);
        Directory.CreateDirectory(ConfigDrives, OwnerOnly | UnixFileMode.UserExecute);
    }

    public string Database => Path.Combine(_root, "conductor.db");

    public string CaKey => Path.Combine(_root, "ca.key");

    public string CaCertificate => Path.Combine(_root, "ca.pem");

    public string OrderKey => Path.Combine(_root, "order.key");

    public string OrderPublicKey => Path.Combine(_root, "order.pub");

    public string SecretsKey => Path.Combine(_root, "secrets.key");

    public string AdminToken => Path.Combine(_root, "admin.token");

    public string Leases => Path.Combine(_root, "leases");

    public string Blobs => Path.Combine(_root, "blobs", "sha256");

    /// <summary>Uploads that are not complete; on the same file system as the blobs, so that a rename finishes one.</summary>
    public string Incoming => Path.Combine(_root, "blobs", "incoming");

    public string ConfigDrives => Path.Combine(_root, "config-drives");

    /// <summary>Makes a file that only its owner reads, whole or not at all; one that exists stays as it is.</summary>
    public static void WriteSecret(string path, ReadOnlySpan<byte> content)
    {
        var unfinished = path + ".new";
        File.Delete(unfinished);
        using (var file = new FileStream(unfinished, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = OwnerOnly }))
        {
            file.Write(content);
            file.Flush(flushToDisk: true);
        }
        File.Move(unfinished, path, overwrite: false);
    }
}
