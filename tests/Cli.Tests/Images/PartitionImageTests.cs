using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace Baremetal.Cli.Tests.Images;

/// <summary>A root file system, its kernel and its ramdisk become a disk; that it boots is what the end-to-end tests show.</summary>
public sealed class PartitionImageTests
{
    private const long BootOffset = 2 << 20;
    private const long RootOffset = 262L << 20;

    [Theory]
    [InlineData("raw")]
    [InlineData("qcow2")]
    public async Task Sign_RootWithKernelAndRamdisk_MakesADiskThatHoldsThemAsTheyWere(string format)
    {
        using var bench = await PartitionBench.NewAsync();
        var root = bench.Root;
        if (format == "qcow2")
            Tool.Run("qemu-img", "convert", "-O", "qcow2", "-c", bench.Root, root = bench.Folder["root, as it came.qcow2"]);

        var output = (await bench.SignAsync(root, "--kernel-args", "console=ttyS0,115200n8 quiet")).Succeeded();

        Assert.Contains($"conductor image add {bench.Manifest} --source {bench.Disk}", output, StringComparison.Ordinal);
        Assert.Equal(4, Directory.GetFileSystemEntries(bench.Documents).Length);
        Tool.Run("qemu-img", "convert", "-O", "raw", bench.Disk, bench.Folder["disk.raw"]);
        Assert.Contains("No problems found", Tool.Run("/usr/sbin/sgdisk", "--verify", bench.Folder["disk.raw"]), StringComparison.Ordinal);
        Assert.Equal(
            ["BIOS boot", "EFI system", "Linux root x86-64"],
            JsonNode.Parse((await CommandRun.Of("image", "inspect", bench.Disk, "--output", "json")).Succeeded())!["layout"]!["partitions"]!.AsArray().Select(partition => (string)partition!["typeName"]!));
        var whole = await File.ReadAllBytesAsync(bench.Folder["disk.raw"], TestContext.Current.CancellationToken);
        Assert.True(whole.AsSpan((int)RootOffset, PartitionBench.RootBytes).SequenceEqual(File.ReadAllBytes(bench.Root)), "the root partition is not the root file system");
        foreach (var (name, file) in new[] { ("vmlinuz", bench.Kernel), ("initrd.img", bench.Ramdisk) })
        {
            Tool.Run("mcopy", "-n", "-i", $"{bench.Folder["disk.raw"]}@@{BootOffset}", $"::{name}", bench.Folder["copy"]);
            Assert.Equal(await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken), await File.ReadAllBytesAsync(bench.Folder["copy"], TestContext.Current.CancellationToken));
            File.Delete(bench.Folder["copy"]);
            var place = bench.Predicate()["partition"]![name == "vmlinuz" ? "kernel" : "ramdisk"]!;
            Assert.Equal(File.ReadAllBytes(file), whole[(int)(long)place["offset"]!..(int)((long)place["offset"]! + (long)place["bytes"]!)]);
        }
        Assert.Contains("root=PARTUUID=$id ro console=ttyS0,115200n8 quiet\n", Tool.Run("mtype", "-i", $"{bench.Folder["disk.raw"]}@@{BootOffset}", "::grub/grub.cfg"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sign_RootWithKernelAndRamdisk_SaysInTheManifestWhatTheDiskIsMadeOf()
    {
        using var bench = await PartitionBench.NewAsync();

        (await bench.SignAsync(bench.Root)).Succeeded();

        var predicate = bench.Predicate();
        Assert.Equal(("x86_64", "bios uefi"), ((string)predicate["arch"]!, string.Join(' ', predicate["firmware"]!.AsArray().Select(mode => (string)mode!))));
        var parts = predicate["partition"]!;
        Assert.Equal((3, RootOffset, PartitionBench.RootBytes, "ext4", ""), ((int)parts["rootPartition"]!, (long)parts["rootOffset"]!, (long)parts["rootBytes"]!, (string)parts["fileSystem"]!, (string)parts["kernelArguments"]!));
        foreach (var (digest, file) in new[] { ("rootSha256", bench.Root), ("kernelSha256", bench.Kernel), ("ramdiskSha256", bench.Ramdisk) })
            Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken))), (string)parts[digest]!);
        var verified = (await CommandRun.Of("image", "verify", bench.Manifest, bench.Disk, "--trust", bench.Trust)).Succeeded();
        Assert.Contains("a disk made of a root file system (ext4)", verified, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sign_TheSameFilesTwice_MakesTheSameDisk()
    {
        using var bench = await PartitionBench.NewAsync();
        (await bench.SignAsync(bench.Root)).Succeeded();
        var first = (string)bench.Predicate()["disk"]!["index"]!["sha256"]!;
        Directory.Delete(bench.Documents, recursive: true);
        File.SetLastWriteTimeUtc(bench.Kernel, DateTime.UnixEpoch.AddYears(30));

        (await bench.SignAsync(bench.Root)).Succeeded();

        Assert.Equal(first, (string)bench.Predicate()["disk"]!["index"]!["sha256"]!);
    }

    [Fact]
    public async Task Sign_BareFileSystem_IsRefusedNamingWhatIsMissing()
    {
        using var bench = await PartitionBench.NewAsync();

        var error = (await bench.RunAsync(bench.Root)).EndedWith(ExitCodes.Refused);

        Assert.Contains("is a bare file system (ext4)", error, StringComparison.Ordinal);
        Assert.Contains("Sign it with its --kernel and --ramdisk", error, StringComparison.Ordinal);
        bench.AssertNothingMade();
    }

    [Theory]
    [InlineData("gpt")]
    [InlineData("dos")]
    public async Task Sign_WholeDiskWithKernelAndRamdisk_IsRefused(string table)
    {
        using var bench = await PartitionBench.NewAsync();
        var disk = bench.Folder.Write("whole.raw", new byte[8 << 20]);
        Tool.Run("sh", "-c", $"printf 'label: {table}\\nstart=2048\\n' | /usr/sbin/sfdisk -q --no-reread '{disk}'");

        var error = (await bench.SignAsync(disk)).EndedWith(ExitCodes.Refused);

        Assert.Contains($"is a whole-disk image: it has a partition table ({(table == "dos" ? "mbr" : table)})", error, StringComparison.Ordinal);
        Assert.Contains("without --kernel and --ramdisk", error, StringComparison.Ordinal);
        bench.AssertNothingMade();
    }

    [Fact]
    public async Task Sign_NoFileSystemThatIsKnown_IsRefusedNamingThoseThatAre()
    {
        using var bench = await PartitionBench.NewAsync();

        Assert.Contains("neither a partition table nor a file system that is known", (await bench.SignAsync(bench.Folder.Write("zeros.raw", new byte[8 << 20]))).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);

        bench.AssertNothingMade();
    }

    [Fact]
    public async Task Sign_RootThatWasCut_IsRefusedNamingBothSizes()
    {
        using var bench = await PartitionBench.NewAsync();
        using (var file = File.OpenWrite(bench.Root))
            file.SetLength(PartitionBench.RootBytes - (1 << 20));

        Assert.Contains($"ext4 file system has {PartitionBench.RootBytes} bytes, and the image {PartitionBench.RootBytes - (1 << 20)}", (await bench.SignAsync(bench.Root)).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);

        bench.AssertNothingMade();
    }

    // Before any tool sees it: it would be read into the image that is signed.
    [Fact]
    public async Task Sign_RootWithABackingFile_IsRefused()
    {
        using var bench = await PartitionBench.NewAsync();
        Tool.Run("qemu-img", "create", "-f", "qcow2", "-F", "raw", "-b", bench.Root, bench.Folder["overlay.qcow2"]);

        Assert.Contains("backing file", (await bench.SignAsync(bench.Folder["overlay.qcow2"])).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);

        bench.AssertNothingMade();
    }

    [Fact]
    public async Task Sign_KernelAndRamdiskInEachOthersPlace_IsRefused()
    {
        using var bench = await PartitionBench.NewAsync();

        Assert.Contains($"{bench.Ramdisk} is no kernel", (await bench.RunAsync(bench.Root, "--kernel", bench.Ramdisk, "--ramdisk", bench.Kernel)).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
        Assert.Contains($"{bench.Kernel} is no initial ramdisk", (await bench.RunAsync(bench.Root, "--kernel", bench.Kernel, "--ramdisk", bench.Kernel)).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);

        bench.AssertNothingMade();
    }

    [Theory]
    [InlineData("--kernel-args is given without --kernel", "--kernel-args", "quiet")]
    [InlineData("--kernel is given without --ramdisk", "--kernel", "KERNEL")]
    [InlineData("--ramdisk is given without --kernel", "--ramdisk", "RAMDISK")]
    [InlineData("--rewrite is given with --kernel", "--kernel", "KERNEL", "--ramdisk", "RAMDISK", "--rewrite")]
    [InlineData("names a root", "--kernel", "KERNEL", "--ramdisk", "RAMDISK", "--kernel-args", "quiet root=/dev/sda1")]
    [InlineData("has ';'", "--kernel", "KERNEL", "--ramdisk", "RAMDISK", "--kernel-args", "quiet; reboot")]
    [InlineData("has '$'", "--kernel", "KERNEL", "--ramdisk", "RAMDISK", "--kernel-args", "x=$prefix")]
    [InlineData("has ' '", "--kernel", "KERNEL", "--ramdisk", "RAMDISK", "--kernel-args", "quiet\nreboot")]
    public async Task Sign_OptionsThatContradict_AreWrongUsage(string cause, params string[] options)
    {
        using var bench = await PartitionBench.NewAsync();
        var given = options.Select(option => option switch { "KERNEL" => bench.Kernel, "RAMDISK" => bench.Ramdisk, _ => option });

        Assert.Contains(cause, (await bench.RunAsync(bench.Root, [.. given])).EndedWith(ExitCodes.WrongUsage), StringComparison.Ordinal);

        bench.AssertNothingMade();
    }

    [Fact]
    public async Task Sign_FilesThatAreNotThere_AreNamed()
    {
        using var bench = await PartitionBench.NewAsync();

        Assert.Contains("The kernel /nowhere does not exist", (await bench.RunAsync(bench.Root, "--kernel", "/nowhere", "--ramdisk", bench.Ramdisk)).EndedWith(ExitCodes.NotFound), StringComparison.Ordinal);
        Assert.Contains("is a directory", (await bench.RunAsync(bench.Root, "--kernel", bench.Kernel, "--ramdisk", "/tmp")).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);

        bench.AssertNothingMade();
    }

    [Fact]
    public async Task Sign_DiskThatIsThere_IsNotOverwritten()
    {
        using var bench = await PartitionBench.NewAsync();
        Directory.CreateDirectory(bench.Documents);
        var there = bench.Folder.Write("images/debian-root.qcow2", [1, 2, 3]);

        Assert.Contains($"{there} exists", (await bench.SignAsync(bench.Root)).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);

        Assert.Equal([1, 2, 3], await File.ReadAllBytesAsync(there, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Sign_ToolsThatAreNotInstalled_AreNamedAllAtOnce()
    {
        using var bench = await PartitionBench.NewAsync();
        var around = new Surroundings { Variables = { ["PATH"] = "/nowhere" } };

        var error = (await CommandRun.Of(around, bench.Command(bench.Root, "--kernel", bench.Kernel, "--ramdisk", bench.Ramdisk))).EndedWith(ExitCodes.Failed);

        // The others are where administrators have them.
        Assert.Contains("Install mtools, grub-common, qemu-utils.", error, StringComparison.Ordinal);
        bench.AssertNothingMade();
    }

    private sealed class PartitionBench : IDisposable
    {
        public const int RootBytes = 8 << 20;

        public ScratchFolder Folder { get; } = new();

        public string Root => Folder["root.ext4"];

        public string Kernel => Folder["vmlinuz"];

        public string Ramdisk => Folder["initrd.img"];

        public string Documents => Folder["images"];

        public string Manifest => Folder["images/debian-root.dsse.json"];

        public string Disk => Folder["images/debian-root.qcow2"];

        public string Trust => Folder["keys/trust.dsse.json"];

        public static async Task<PartitionBench> NewAsync()
        {
            var bench = new PartitionBench();
            (await CommandRun.Of("key", "new", "--out", bench.Folder["keys"])).Succeeded();
            bench.Folder.Write("root.ext4", new byte[RootBytes]);
            Tool.Run("/usr/sbin/mkfs.ext4", "-q", bench.Root);
            var random = new Random(1);
            var kernel = new byte[(1 << 20) + 7];
            random.NextBytes(kernel);
            "HdrS"u8.CopyTo(kernel.AsSpan(0x202));
            (kernel[0x206], kernel[0x207]) = (0x0f, 0x02);
            bench.Folder.Write("vmlinuz", kernel);
            var ramdisk = new byte[(2 << 20) + 3];
            random.NextBytes(ramdisk);
            (ramdisk[0], ramdisk[1]) = (0x1f, 0x8b);
            bench.Folder.Write("initrd.img", ramdisk);
            return bench;
        }

        public string[] Command(string image, params string[] options) =>
            ["image", "sign", image, "--key", Folder["keys/image.key"], "--name", "debian-root", "--out", Documents, .. options];

        public Task<CommandRun> RunAsync(string image, params string[] options) => CommandRun.Of(Command(image, options));

        public Task<CommandRun> SignAsync(string image, params string[] options) => RunAsync(image, ["--kernel", Kernel, "--ramdisk", Ramdisk, .. options]);

        public JsonNode Predicate() => JsonNode.Parse(Convert.FromBase64String((string)JsonNode.Parse(File.ReadAllBytes(Manifest))!["payload"]!))!["predicate"]!;

        public void AssertNothingMade() => Assert.False(Directory.Exists(Documents) && Directory.GetFileSystemEntries(Documents).Length > 0);

        public void Dispose() => Folder.Dispose();
    }
}
