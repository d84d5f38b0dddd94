namespace Baremetal.Lab;

/// <summary>What boots an image that is a root file system alone.</summary>
public sealed record BootFiles(string Kernel, string Ramdisk, string Arguments);

/// <summary>An image with the signer's keys and documents, made by the operator's own commands (<c>key new</c>, <c>image sign</c>).</summary>
/// <param name="KeyFolder">root.key, image.key, trust.dsse.json and the public halves.</param>
/// <param name="SourceFile">The image file; of a partition image, the disk that was made of it.</param>
/// <param name="ManifestFile">Its signed manifest; the indexes lie beside it.</param>
public sealed record SignedImage(string Name, string KeyFolder, string SourceFile, string ManifestFile)
{
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Signs an image file; what was signed before is kept while the file is the same.
    /// </summary>
    /// <param name="folder">Where keys and documents go.</param>
    /// <param name="name">Of the image.</param>
    /// <param name="file">The image file.</param>
    /// <param name="boot">What boots it, if it is a root file system alone.</param>
    /// <param name="logFolder">Where the command's log goes.</param>
    public static async Task<SignedImage> SignAsync(string folder, string name, string file, BootFiles? boot, string logFolder, CancellationToken cancellationToken = default)
    {
        var keys = Path.Combine(folder, "keys");
        if (!Directory.Exists(keys))
            await RunAsync(logFolder, ["key", "new", "--out", keys], cancellationToken);

        var documents = Path.Combine(folder, name);
        var signed = new SignedImage(name, keys, boot is null ? file : Path.Combine(documents, $"{name}.qcow2"), Path.Combine(documents, $"{name}.dsse.json"));
        if (File.Exists(signed.ManifestFile) && File.GetLastWriteTimeUtc(signed.ManifestFile) > File.GetLastWriteTimeUtc(file))
            return signed;

        if (Directory.Exists(documents))
            Directory.Delete(documents, recursive: true);
        string[] parts = boot is null ? [] : ["--kernel", boot.Kernel, "--ramdisk", boot.Ramdisk, "--kernel-args", boot.Arguments];
        await RunAsync(logFolder, ["image", "sign", file, "--key", Path.Combine(keys, "image.key"), "--name", name, "--out", documents, .. parts], cancellationToken);
        return signed;
    }

    private static async Task RunAsync(string logFolder, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        await using var command = LabProcess.Start("conductor", [BuildOutputs.Conductor, .. arguments], Path.Combine(logFolder, "signing.log"), onLine: null, environment: null);
        if (await command.WaitForExitAsync(Bound, cancellationToken) is not 0 and var code)
            throw new InvalidOperationException($"`conductor {string.Join(' ', arguments)}` ended with exit code {code}: {string.Join(' ', command.Output.Tail(5))}");
    }
}
