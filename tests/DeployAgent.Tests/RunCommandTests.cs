using System.Diagnostics;

namespace Baremetal.DeployAgent.Tests;

/// <summary>The program itself, as the ramdisk starts it.</summary>
public sealed class RunCommandTests
{
    [Fact]
    public async Task Run_MachineThatNoConductorBooted_EndsWithOneSentence()
    {
        using var agent = Process.Start(new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "deploy-agent"), ["run"]) { RedirectStandardOutput = true, UseShellExecute = false })!;
        var output = await agent.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        await agent.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.Equal(1, agent.ExitCode);
        Assert.Contains("no bm.url=https://… with the conductor's address. Boot the machine through the conductor's boot script.", output, StringComparison.Ordinal);
    }
}
