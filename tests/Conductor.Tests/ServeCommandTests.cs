using System.Net;
using System.Net.Sockets;
using Baremetal.Cli;
using Baremetal.Cli.Display;
using Baremetal.Conductor.Tests.World;

namespace Baremetal.Conductor.Tests;

/// <summary><c>conductor serve</c> as it is typed.</summary>
public sealed class ServeCommandTests
{
    private static async Task<(int Code, string Output, string Error)> RunAsync(params string[] args)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var root = CommandLine.Create();
        root.Add(ServeCommand.Create());
        var code = await CommandLine.RunAsync(root, ["serve", .. args.SelectMany(arg => new[] { "--set", arg }.Skip(arg.StartsWith("--", StringComparison.Ordinal) ? 1 : 0))], new Shell(new Screen(output), new Screen(error)));
        return (code, output.ToString(), error.ToString());
    }

    [Fact]
    public async Task Check_OfDefaults_SaysWhatIsOffAndWhy()
    {
        using var folder = new TempFolder();
        var state = Path.Combine(folder.Path, "deep", "state");
        Directory.CreateDirectory(Path.Combine(folder.Path, "none"));
        var (code, output, error) = await RunAsync("--check", $"stateDirectory={state}", $"trustDirectory={folder.Path}", $"ramdiskDirectory={folder.Path}/none");
        Assert.Equal((0, ""), (code, error));
        foreach (var line in new[]
        {
            "settings: none found at /etc/baremetal/conductor.json",
            $"state:    {state}",
            "discover: off: a machine that nobody enrolled boots as it would without us",
            "dhcp:     off: no machine is netbooted; set dhcp.mode",
            $"ramdisk:  none: {folder.Path}/none has no vmlinuz, initrd.img, localboot.efi; no agent can be booted",
            $"trust:    no document in {folder.Path}; deploys are refused until 'conductor key trust'",
        })
        {
            Assert.Contains(line, output, StringComparison.Ordinal);
        }
        Assert.Equal([Path.Combine(folder.Path, "none")], Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public async Task Check_DiscoveryWithoutDhcp_SaysThatNobodyIsAnswered()
    {
        using var folder = new TempFolder();
        var (code, output, _) = await RunAsync("--check", $"stateDirectory={folder.Path}/state", $"trustDirectory={folder.Path}", "discovery.mode=on");
        Assert.Equal(0, code);
        Assert.Contains("approved by hand; but this conductor answers no DHCP (dhcp.mode off)", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("garbage", "garbage.dsse.json: ")]
    [InlineData("twice", "are both version 1 of the trust document")]
    [InlineData("gap", "at trust-3.dsse.json")]
    public async Task Check_BrokenTrustDocuments_AreAFaultNamingTheFile(string how, string cause)
    {
        await using var conductor = await TestConductor.StartAsync();
        conductor.Image.TrustConductor(conductor);
        conductor.Image.Advance(one => one with { Version = one.Version + 1 });
        var documents = conductor.Settings.TrustDirectory;
        if (how == "garbage")
            await File.WriteAllTextAsync(Path.Combine(documents, "garbage.dsse.json"), "garbage", TestContext.Current.CancellationToken);
        else if (how == "twice")
            File.Copy(Path.Combine(documents, "trust-1.dsse.json"), Path.Combine(documents, "copy.dsse.json"));
        else
            File.Delete(Path.Combine(documents, "trust-2.dsse.json"));

        var (code, _, error) = await CheckAsync(conductor);

        Assert.Equal(2, code);
        Assert.Contains(cause, OneLine(error), StringComparison.Ordinal);
        Assert.Contains(documents, OneLine(error), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_TrustDocuments_SaysWhetherThisConductorMayOrder()
    {
        await using var conductor = await TestConductor.StartAsync();
        var (code, output, _) = await CheckAsync(conductor);
        Assert.Equal(0, code);
        Assert.Contains("trust:    version 1, until ", output, StringComparison.Ordinal);
        Assert.Contains("no deploy until the next version names this conductor", output, StringComparison.Ordinal);
        Assert.Contains($"'conductor key trust --root-key root.key --in {conductor.Settings.TrustDirectory}/trust-1.dsse.json", output, StringComparison.Ordinal);

        conductor.Image.TrustConductor(conductor);
        (code, output, _) = await CheckAsync(conductor);
        Assert.Equal(0, code);
        Assert.Matches("trust:    version 2, until [0-9]{4}-[0-9]{2}-[0-9]{2}, this conductor may order", output);

        // A conductor that never started has no keys that a document could name.
        (code, output, _) = await CheckAsync(conductor, $"stateDirectory={conductor.Settings.StateDirectory}-new");
        Assert.Equal(0, code);
        Assert.Contains("which its first start makes: 'conductor key trust", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_ExpiredTrustDocument_IsSaidAndStopsNoStart()
    {
        await using var conductor = await TestConductor.StartAsync();
        conductor.Image.TrustConductor(conductor);
        conductor.Image.Advance(one => one with { Version = one.Version + 1, Expires = TimeProvider.System.GetUtcNow().AddDays(-1) });
        var (code, output, _) = await CheckAsync(conductor);
        Assert.Equal(0, code);
        Assert.Contains("no deploy: Trust document version 3 expired at", output, StringComparison.Ordinal);
    }

    private static Task<(int Code, string Output, string Error)> CheckAsync(TestConductor conductor, params string[] more) =>
        RunAsync(["--check", $"stateDirectory={conductor.Settings.StateDirectory}", $"trustDirectory={conductor.Settings.TrustDirectory}", .. more]);

    // Errors are folded to the width of the screen.
    private static string OneLine(string text) => string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    [Fact]
    public async Task Check_StateDirectoryThatCannotBeMade_IsAFaultWithItsCause()
    {
        using var folder = new TempFolder();
        var file = Path.Combine(folder.Path, "file");
        await File.WriteAllTextAsync(file, "", TestContext.Current.CancellationToken);
        var (code, _, error) = await RunAsync("--check", $"stateDirectory={file}/state");
        Assert.Equal(2, code);
        Assert.Contains($"error: stateDirectory {file}/state cannot be made", error, StringComparison.Ordinal);
        Assert.Contains("hint: ", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Serve_OnTheStateOfARunningConductor_IsRefusedNamingIt()
    {
        await using var conductor = await TestConductor.StartAsync();
        var state = conductor.Settings.StateDirectory;
        var (code, _, error) = await RunAsync($"stateDirectory={state}", $"trustDirectory={conductor.Settings.TrustDirectory}", "listen=127.0.0.1", "plainPort=0", "tlsPort=0");
        Assert.Equal(1, code);
        Assert.Equal($"error: Another conductor (pid {Environment.ProcessId}) runs on {state}; stop it, or give this one a state directory of its own.", OneLine(error));
        await conductor.RestartAsync();
    }

    [Theory]
    [InlineData("plainPort")]
    [InlineData("tlsPort")]
    public async Task Serve_OnATakenPort_SaysWhichSettingInOneLine(string setting)
    {
        using var folder = new TempFolder();
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        // The host logs to the console, past the command's own streams.
        var console = Console.Out;
        var log = new StringWriter();
        Console.SetOut(log);
        try
        {
            var (code, _, error) = await RunAsync($"stateDirectory={folder.Path}/state", "listen=127.0.0.1", "plainPort=0", "tlsPort=0", $"{setting}={port}");
            Assert.Equal(1, code);
            Assert.Equal($"error: {setting} {port} is in use by another program.\nhint:  Stop what uses it ('ss -ltnp' shows it), or set another: {setting}.\n", error);
            Assert.DoesNotContain("   at ", log.ToString(), StringComparison.Ordinal);
        }
        finally
        {
            Console.SetOut(console);
        }
    }
}
