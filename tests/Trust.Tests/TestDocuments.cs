using System.Diagnostics;

namespace Baremetal.Trust.Tests;

/// <summary>Keys and documents as an operator would have them, made anew for each test.</summary>
internal static class TestDocuments
{
    public static readonly DateTimeOffset Now = new(2026, 1, 15, 12, 0, 0, TimeSpan.Zero);

    public static TrustDocument Trust(SigningKey root, SigningKey image) => TrustDocument.First(root.Public, image.Public, Now.AddYears(1));

    public static byte[] Sign(TrustDocument document, params SigningKey[] keys) => Envelope.Sign(TrustDocument.PayloadType, document.ToPayload(), keys);

    public static byte[] Sign(ImageManifest manifest, params SigningKey[] keys) => Envelope.Sign(ImageManifest.PayloadType, manifest.ToPayload(), keys);

    public static TrustDocument WithConductor(TrustDocument document, PublicKey order) =>
        Next(document, new TrustChanges { Add = [(TrustRole.Conductor, order)], ConductorCaSha256 = Digest.Of("ca"u8) });

    public static TrustDocument Next(TrustDocument document, TrustChanges changes)
    {
        Assert.True(changes.TryApply(document, Now, out var next, out var rejection), rejection?.ToString());
        return next;
    }

    public static TrustAnchor Pin(byte[] envelope)
    {
        Assert.True(TrustAnchor.TryPin(envelope, out var anchor, out var rejection), rejection?.ToString());
        return anchor;
    }

    public static ImageManifest Manifest(string name = "debian", ulong release = 1, DateTimeOffset? notAfter = null)
    {
        var disk = ChunkLayout.ForDisk(64 << 20);
        var source = ChunkLayout.ForSource((20 << 20) + 7);
        return ImageManifest.Of(
            new ImagePredicate(
                name, "12", "x86_64", ["bios", "uefi"], release, Now,
                new DiskContent(disk.Size, 512, disk.ChunkSize, disk.Count, "sha256", new IndexReference(Digest.Of("disk index"u8), disk.Count * 32)),
                new SourceContent("qcow2", "zstd", source.Size, source.ChunkSize, source.Count, "sha256", new IndexReference(Digest.Of("source index"u8), source.Count * 32)),
                notAfter),
            Digest.Of("disk"u8),
            Digest.Of("source"u8));
    }

    public static byte[] Random(int length, int seed)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    /// <summary>Runs a program to its end and returns its standard output; a failure shows what it said.</summary>
    public static string Run(string program, string workingDirectory, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = workingDirectory, UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {error.GetAwaiter().GetResult()}");
        return output;
    }
}

/// <summary>A folder that is gone after the test.</summary>
internal sealed class ScratchFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("baremetal-trust-").FullName;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public string Write(string name, ReadOnlySpan<byte> content)
    {
        System.IO.File.WriteAllBytes(File(name), content);
        return File(name);
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
