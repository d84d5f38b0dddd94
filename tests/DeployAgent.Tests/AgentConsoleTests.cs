using Baremetal.Api;

namespace Baremetal.DeployAgent.Tests;

/// <summary>What a serial console shows.</summary>
public sealed class AgentConsoleTests : IDisposable
{
    private readonly StringWriter _output = new();

    public void Dispose() => _output.Dispose();

    [Fact]
    public void Draw_SameTenth_DrawsOverTheLine()
    {
        var console = new AgentConsole(_output);

        console.Draw("writing", new Progress(1 << 20, 100 << 20, 0, 1 << 20));
        console.Draw("writing", new Progress(2 << 20, 100 << 20, 0, 1 << 20));

        Assert.DoesNotContain("\n", _output.ToString(), StringComparison.Ordinal);
        Assert.Equal("agent: writing      [........................]  2 %  2.0 MiB of 100 MiB, 1.0 MiB/s  1 min 38 s left", _output.ToString().Split('\r')[^1].TrimEnd());
    }

    [Fact]
    public void Draw_EachNewTenth_LeavesALine()
    {
        var console = new AgentConsole(_output);

        for (var percent = 0; percent <= 100; percent++)
            console.Draw("writing", new Progress(percent, 100, 0, 1));

        Assert.Equal(10, _output.ToString().Split('\n').Length - 1);
        Assert.Contains("[########################] 100 %", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Say_AfterABar_BeginsANewLine()
    {
        var console = new AgentConsole(_output);

        console.Draw("writing", new Progress(1, 100, 0, 1));
        console.Say("Something else.");

        Assert.Equal("agent: Something else.", _output.ToString().Split('\n')[1]);
    }

    [Fact]
    public void Draw_NothingToDoYet_DrawsNothing()
    {
        new AgentConsole(_output).Draw("checking", new Progress(0, 0, 0, 0));

        Assert.Empty(_output.ToString());
    }
}
