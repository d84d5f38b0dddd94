namespace Baremetal.Netboot.Boot;

/// <summary>The loaders, in memory: 300 kB and less each, and nothing can happen to them once we run.</summary>
internal static class LoaderFiles
{
    private const long Largest = 64 * 1024 * 1024; // a signed kernel with its ramdisk is below

    /// <exception cref="NetbootException">One is missing or cannot be read.</exception>
    public static IReadOnlyDictionary<string, ReadOnlyMemory<byte>> Read(string folder)
    {
        var files = new Dictionary<string, ReadOnlyMemory<byte>>(StringComparer.Ordinal);
        foreach (var name in LoaderTable.Files)
        {
            var path = Path.Combine(folder, name);
            try
            {
                if (new FileInfo(path).Length is var length and > Largest)
                    throw new NetbootException($"The loader {path} has {length} bytes; none is larger than {Largest}. Is it the right file?");
                files[name] = File.ReadAllBytes(path);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                throw new NetbootException($"The loader {path} cannot be read: {error.Message} Install the Debian package ipxe, or name the folder with its loaders.", error);
            }
        }
        return files;
    }
}
