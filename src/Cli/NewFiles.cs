namespace Baremetal.Cli;

/// <summary>Files that a command makes: all of them or none, complete when they appear, and never in the place of another.</summary>
internal static class NewFiles
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <param name="directory">Made if it is not there, for its owner alone.</param>
    /// <param name="files">Each name, and what writes it to the path that it is given.</param>
    public static void Write(string directory, params ReadOnlySpan<(string Name, Action<string> Write)> files)
    {
        foreach (var (name, _) in files)
            Require(directory, name);

        Directory.CreateDirectory(directory, OwnerOnly);
        // On the same file system, so that only a rename is left to do when all content is on the disk.
        var unfinished = Path.Combine(directory, $".unfinished-{Guid.NewGuid():N}");
        Directory.CreateDirectory(unfinished, OwnerOnly);
        var moved = new List<string>();
        try
        {
            foreach (var (name, write) in files)
                write(Path.Combine(unfinished, name));
            foreach (var (name, _) in files)
            {
                var path = Path.Combine(directory, name);
                File.Move(Path.Combine(unfinished, name), path, overwrite: false);
                moved.Add(path);
            }
        }
        catch
        {
            moved.ForEach(File.Delete);
            throw;
        }
        finally
        {
            Directory.Delete(unfinished, recursive: true);
        }
    }

    /// <summary>A folder for its owner alone; what leads to it is made as well.</summary>
    /// <returns>Its path.</returns>
    public static string MakeFolder(string path) => Directory.CreateDirectory(path, OwnerOnly).FullName;

    /// <summary>Refuses where a file is in the way.</summary>
    public static void Require(string directory, string name)
    {
        var path = Path.Combine(directory, name);
        if (Path.Exists(path))
            throw Failure.Refused($"{path} exists, and nothing is overwritten.", "Give another place, or move that file away.");
    }

    /// <summary>A file for everyone to read, on the disk when this returns.</summary>
    public static void WritePublic(string path, ReadOnlySpan<byte> content)
    {
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write);
        file.Write(content);
        file.Flush(flushToDisk: true);
    }

    /// <summary>Puts new content in the place of a file that everyone may read: whoever looks, or cuts the power, finds the old content or the new.</summary>
    public static void Replace(string path, ReadOnlySpan<byte> content)
    {
        var unfinished = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(path))!, $".unfinished-{Guid.NewGuid():N}");
        try
        {
            WritePublic(unfinished, content);
            File.Move(unfinished, path, overwrite: true);
        }
        finally
        {
            File.Delete(unfinished);
        }
    }
}
