namespace Baremetal.Imaging.Tests;

/// <summary>A folder for a test's files, and the disks that it makes there.</summary>
internal sealed class TestFolder : IDisposable
{
    // In memory: these tests write gigabytes, and a disk's flushes would be most of their time.
    private readonly DirectoryInfo _folder = Directory.CreateDirectory(Path.Combine("/dev/shm", $"baremetal-imaging-{Guid.NewGuid():n}"));

    public string this[string name] => Path.Combine(_folder.FullName, name);

    /// <summary>
    /// A raw disk of noise, repeated text and zeros in runs of 512 bytes to 300 KiB, so that clusters of any size hold all of them; with a GPT of two
    /// partitions if it is large enough.
    /// </summary>
    public string MakeDisk(string name, long size, int seed, bool gpt = true)
    {
        var random = new Random(seed);
        var disk = new byte[size];
        for (long at = 0; at < size;)
        {
            var length = (int)Math.Min(size - at, 512 * (long)Math.Pow(600, random.NextDouble()));
            var run = disk.AsSpan((int)at, length);
            switch (random.Next(4))
            {
                case 0:
                    random.NextBytes(run);
                    break;
                case 1:
                    for (var i = 0; i < run.Length; i++)
                        run[i] = (byte)"the quick brown fox "[(i * 7) % 20];
                    break;
            }
            at += length;
        }
        disk.AsSpan(0, (int)Math.Min(size, gpt ? 1 << 20 : 0)).Clear();
        File.WriteAllBytes(this[name], disk);
        if (gpt)
        {
            Shell.Run("sgdisk", "--clear", "--new=1:2048:+1M", "--typecode=1:ef02", "--new=2:0:0", "--change-name=2:root", this[name]);
            MakeBootable(this[name]);
        }
        return this[name];
    }

    public string Convert(string raw, string name, params string[] options)
    {
        Shell.Run("qemu-img", ["convert", "-O", "qcow2", .. options, raw, this[name]]);
        return this[name];
    }

    public void Dispose() => _folder.Delete(recursive: true);

    // What a BIOS would start: enough for "boots" to mean something.
    private static void MakeBootable(string path)
    {
        using var file = File.OpenWrite(path);
        file.Write([0xeb, 0xfe]);
    }
}
