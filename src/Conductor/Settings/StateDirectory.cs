using Baremetal.Trust;

namespace Baremetal.Conductor.Settings;

/// <summary>Where each thing lies in the state directory, and the one way to put a secret there.</summary>
public sealed class StateDirectory
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <param name="make">Whether the directories are made; a check before the start only asks where things will lie.</param>
    public StateDirectory(string root, bool make = true)
    {
        Root = root;
        if (!make)
            return;
        Directory.CreateDirectory(root, OwnerOnly | UnixFileMode.UserExecute);
        Directory.CreateDirectory(Blobs);
        Directory.CreateDirectory(Incoming);
        Directory.CreateDirectory(ConfigDrives, OwnerOnly | UnixFileMode.UserExecute);
    }

    public string Root { get; }

    public string Lock => Path.Combine(Root, "conductor.lock");

    /// <summary>Of the conductor that holds the lock; of the last one when none does.</summary>
    public string ProcessId => Path.Combine(Root, "conductor.pid");

    public string Database => Path.Combine(Root, "conductor.db");

    public string CaKey => Path.Combine(Root, "ca.key");

    public string CaCertificate => Path.Combine(Root, "ca.pem");

    public string OrderKey => Path.Combine(Root, "order.key");

    public string OrderPublicKey => Path.Combine(Root, "order.pub");

    public string SecretsKey => Path.Combine(Root, "secrets.key");

    public string AdminToken => Path.Combine(Root, "admin.token");

    public string Leases => Path.Combine(Root, "leases");

    public string Blobs => Path.Combine(Root, "blobs", "sha256");

    /// <summary>Uploads that are not complete; on the same file system as the blobs, so that a rename finishes one.</summary>
    public string Incoming => Path.Combine(Root, "blobs", "incoming");

    public string ConfigDrives => Path.Combine(Root, "config-drives");

    /// <summary>Why no state could be kept there; null when it can. What is made to find out is removed again.</summary>
    public static Rejection? FaultOf(string root)
    {
        var missing = new List<string>();
        for (var path = Path.TrimEndingDirectorySeparator(root); !Directory.Exists(path); path = Path.GetDirectoryName(path)!)
            missing.Add(path);
        try
        {
            Directory.CreateDirectory(root, OwnerOnly | UnixFileMode.UserExecute);
            var probe = Path.Combine(root, $".check-{Environment.ProcessId}");
            File.WriteAllBytes(probe, []);
            File.Delete(probe);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new Rejection($"stateDirectory {root} cannot be {(missing.Count > 0 ? "made" : "written to")} by this user: {e.Message}", "Let the conductor's user have it, or set another.");
        }
        finally
        {
            foreach (var made in missing.Where(Directory.Exists))
                Directory.Delete(made);
        }
    }

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
