using System.Text.Json;
using Baremetal.VmRunner.Host;
using Baremetal.VmRunner.Tests.World;

namespace Baremetal.VmRunner.Tests.Host;

/// <summary><c>vm-runner preflight</c> with the real engine.</summary>
[Trait("Needs", "VirtualServers")]
public sealed class PreflightTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Preflight_WhereAllIsThere_PassesEveryCheck()
    {
        await using var host = await VmHost.StartAsync();

        var (exitCode, said) = await RunnerService.RunAsync(host, ["preflight", "--output", "json", .. RunnerService.Options(host)]);

        Assert.True(exitCode == 0, said);
        var checks = JsonSerializer.Deserialize(said, PreflightJson.Default.PreflightCheckArray)!;
        Assert.Equal(["kvm", "tun", "engine", "base", "runtime", "network", "bridge", "limits", "memory", "disk"], checks.Select(check => check.Name));
        Assert.All(checks, check => Assert.True(check.Passed, $"{check}"));
    }

    [Fact]
    public async Task Preflight_WhereThingsAreMissing_NamesEachWithWhatToDo()
    {
        await using var host = await VmHost.StartAsync();
        // Another runtime than there is, a base that is not there, a state folder below a file, and more memory kept than the machine has.
        var conf = Path.Combine(host.Folder, "broken.conf");
        await File.WriteAllTextAsync(conf, (await File.ReadAllTextAsync(Path.Combine(host.Folder, "containers.conf"), Cancel)).Replace("\"runc\"", "\"/bin/false\"", StringComparison.Ordinal), Cancel);

        var (exitCode, said) = await RunnerService.RunAsync(host,
        [
            "preflight", "--output", "json", "--state", "/dev/null/state", "--base", "/nowhere/base.tar", "--accelerator", "tcg", "--reserve-mb", "100000000",
            "--engine-store", host.Folder, "--containers-conf", Path.Combine(host.Folder, "containers.conf"),
        ]);

        Assert.Equal(1, exitCode);
        var checks = JsonSerializer.Deserialize(said, PreflightJson.Default.PreflightCheckArray)!;
        Assert.Equal(["base", "runtime", "bridge", "memory", "disk"], checks.Where(check => !check.Passed).Select(check => check.Name));
        Assert.All(checks, check => Assert.Equal(check.Passed, check.Remedy is null));

        var (table, shown) = await RunnerService.RunAsync(host, ["preflight", .. RunnerService.Options(host)[..^1], conf]);
        Assert.Equal(1, table);
        Assert.Contains("runtime   NO", shown, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Preflight_WithoutAnEngine_SaysWhatToInstall()
    {
        using var folder = new TemporaryFolder();

        var checks = await new Preflight(
            new HostSettings(new StateFolder(folder.Path), "", "tcg", "x", new EngineSettings(folder.Path, "/nowhere/containers.conf"), null),
            new Engine(new EngineSettings(folder.Path, "/nowhere/containers.conf")),
            new BaseImage(new Engine(new EngineSettings(folder.Path)), "")).RunAsync(Cancel);

        var engine = Array.Find(checks, check => check.Name == "engine")!;
        Assert.False(engine.Passed);
        Assert.Contains("/nowhere/containers.conf", engine.Finding, StringComparison.Ordinal);
        Assert.Contains("Not tried: 'engine' comes first.", Array.Find(checks, check => check.Name == "network")!.Finding, StringComparison.Ordinal);
    }

    private sealed class TemporaryFolder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("preflight-").FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
