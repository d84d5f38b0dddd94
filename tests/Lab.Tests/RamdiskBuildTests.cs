using System.Text;

namespace Baremetal.Lab.Tests;

[Trait(Traits.Needs, Traits.VirtualServers)]
public sealed class RamdiskBuildTests : IDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(5);

    private readonly string _folder = Directory.CreateTempSubdirectory("baremetal-ramdisk-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Firmware_OfADriver_IsTakenWhereTheFolderHasItAndNamedWhereNot()
    {
        var blobs = Directory.CreateDirectory(Path.Combine(_folder, "firmware", "tigon"));
        File.WriteAllBytes(Path.Combine(blobs.FullName, "tg3.bin"), [1, 2, 3]);

        var (code, output) = await BashAsync($"""
            . ramdisk/tree.sh
            . ramdisk/firmware.sh
            echo tg3 | add_modules {_folder}/root server
            add_firmware {_folder}/root "$(cat build/kernel/server/release)" {_folder}/firmware
            """);

        Assert.True(code == 0, output);
        Assert.Equal([1, 2, 3], File.ReadAllBytes(Path.Combine(_folder, "root", "lib", "firmware", "tigon", "tg3.bin")));
        Assert.Matches("Firmware: 1 of the [2-9] files that drivers ask for, 3 bytes", output);
        Assert.Contains("\n  tigon/tg3_tso.bin\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Modules_OneThatTheKernelDoesNotHave_IsRefusedByName()
    {
        File.WriteAllText(Path.Combine(_folder, "more.list"), "# of the archive\nmpt3sas\nno_such_driver\n");

        var (code, output) = await BashAsync($"ramdisk/build.sh --flavour server --out {_folder}/out --modules dummy {_folder}/more.list");

        Assert.Equal(1, code);
        Assert.Contains("has no module no_such_driver;", output, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(_folder, "out", "initrd.img")));
    }

    private async Task<(int Code, string Output)> BashAsync(string script)
    {
        var output = new StringBuilder();
        await using var bash = LabProcess.Start("bash", ["bash", "-euo", "pipefail", "-c", $"cd {BuildOutputs.Root}\n{script}"], Path.Combine(_folder, "bash.log"), Take, environment: null);
        var code = await bash.WaitForExitAsync(Bound, TestContext.Current.CancellationToken);
        lock (output)
            return (code, output.ToString());

        void Take(string line)
        {
            lock (output)
                output.Append(line).Append('\n');
        }
    }
}
