using System.Text;

namespace Baremetal.VmRunner.Host;

/// <summary>All that a runner keeps on its host, readable by root alone.</summary>
internal sealed class StateFolder(string root)
{
    public const string Usual = "/var/lib/baremetal-runner";

    private const UnixFileMode FileMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode FolderMode = FileMode | UnixFileMode.UserExecute;

    public string Root { get; } = Path.GetFullPath(root);

    public string Key => Path.Combine(Root, "key.pem");

    public string Identity => Path.Combine(Root, "identity.json");

    public string Vms => Path.Combine(Root, "vms");

    /// <summary>What was found in images that were looked through, by their ids.</summary>
    public string Images => Path.Combine(Root, "images");

    public static string Make(string folder) => Directory.CreateDirectory(folder, FolderMode).FullName;

    /// <summary>Puts new content in a file's place, on the disk when this returns: whoever looks, or cuts the power, finds the old or the new.</summary>
    public static void Write(string path, string text)
    {
        var fresh = path + ".new";
        File.Delete(fresh);
        using (var file = new FileStream(fresh, new FileStreamOptions { Mode = System.IO.FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = FileMode }))
        {
            file.Write(Encoding.UTF8.GetBytes(text));
            file.Flush(flushToDisk: true);
        }
        File.Move(fresh, path, overwrite: true);
        // The rename is in the folder, which is flushed by itself.
        using var folder = HostFile.Open(Path.GetDirectoryName(path)!, HostFile.Folder);
        HostFile.Flush(folder);
    }
}
