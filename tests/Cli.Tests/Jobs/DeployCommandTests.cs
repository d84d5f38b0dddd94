using System.Text;
using System.Text.Json;
using Baremetal.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Baremetal.Cli.Tests.Jobs;

public sealed class DeployCommandTests
{
    private const string Mine = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID6/eGsSEgXGxmZa8/YeiDGQcDAUea9iqfOoqfs2AZfp me@here";
    private const string Yours = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMWx7OKF5lGn+0e4lH9dzj77vRcCzsZDhmA21ukEU2uE me@there";

    private DeployNode? _asked;

    private Task<TestConductor> StartAsync(params PlannedPartition[] layout) => TestConductor.StartAsync(app => app.MapPost(Routes.NodeDeployments, async (string node, HttpRequest request) =>
    {
        _asked = await request.ReadFromJsonAsync(ApiJson.Default.DeployNode);
        return TestConductor.Answer(Samples.Deploying with { NodeName = node, Deployment = Samples.Deploying.Deployment! with { Layout = layout.Length == 0 ? null : layout } });
    }));

    [Fact]
    public async Task Deploy_AllOptions_ReachTheConductor()
    {
        await using var conductor = await StartAsync();
        var key = conductor.Folder.Write("id.pub", Encoding.UTF8.GetBytes($"# mine\r\n{Mine}\n\n{Yours}\n"));
        var data = conductor.Folder.Write("user-data", "#cloud-config\n"u8);

        var output = (await conductor.RunAsync(
            "deploy", "r7", "--image", "debian-12:1", "--root-device", "serial=S1=2", "--root-device", "size=480103981056", "--hostname", "web7", "--ssh-key", key,
            "--ssh-key", key, "--user-data", data)).Succeeded();

        Assert.Equal(("debian-12:1", "web7", "#cloud-config\n", false), (_asked!.Image, _asked.Hostname, _asked.UserData, _asked.DryRun));
        Assert.Equal(new RootDeviceHints(Serial: "S1=2", SizeBytes: 480103981056), _asked.RootDevice);
        Assert.Equal([Mine, Yours, Mine, Yours], _asked.SshKeys!);
        Assert.Equal($"Deploying debian-12:1 to r7.\nFollow it: conductor job watch {Samples.JobId}\n", output);
    }

    [Fact]
    public async Task Deploy_NetworkData_ReachTheConductorAsTheyAreOrAreRefusedNamingTheFile()
    {
        await using var conductor = await StartAsync();
        var good = conductor.Folder.Write("network.json", """{"links": [], "networks": []}"""u8);
        var bad = conductor.Folder.Write("network.yaml", "links: []\n"u8);

        (await conductor.RunAsync("deploy", "r7", "--image", "x", "--network-data", good)).Succeeded();
        Assert.Equal(["links", "networks"], _asked!.NetworkData!.Value.EnumerateObject().Select(member => member.Name));

        Assert.Contains($"The network data {bad} are no JSON", (await conductor.RunAsync("deploy", "r7", "--image", "x", "--network-data", bad)).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deploy_HintsWithLimits_ReachTheConductorInBytes()
    {
        await using var conductor = await StartAsync();

        (await conductor.RunAsync(
            "deploy", "r7", "--image", "x", "--root-device", "size>=400GB", "--root-device", "size<=1TiB", "--root-device", "bus=nvme", "--root-device", "rotational=no")).Succeeded();

        Assert.Equal(new RootDeviceHints(MinSizeBytes: 400_000_000_000, MaxSizeBytes: 1L << 40, Rotational: false, Bus: "nvme"), _asked!.RootDevice);
    }

    [Fact]
    public async Task Deploy_OnlyTheImage_AsksForNothingElse()
    {
        await using var conductor = await StartAsync();

        var job = JsonSerializer.Deserialize((await conductor.RunAsync("deploy", "r7", "--image", "debian-12", "--output", "json")).Succeeded(), ApiJson.Default.Job);

        Assert.Equal(Samples.JobId, job!.Id);
        Assert.Null(_asked!.RootDevice);
        Assert.Empty(_asked.SshKeys!);
    }

    [Fact]
    public async Task Deploy_DryRun_SaysWhichDiskItWouldWrite()
    {
        await using var conductor = await StartAsync();

        Assert.Equal(
            """
            Nothing was started; all checks that can be made now have passed.
            Deploying debian-12:1 to r7 would write:
            Disk:      /dev/sda
            Image:     debian-12:1, 8.0 GiB from a file of 400 MiB
            Hostname:  web7

            """,
            (await conductor.RunAsync("deploy", "r7", "--image", "debian-12", "--dry-run")).Succeeded());
        Assert.True(_asked!.DryRun);
    }

    [Fact]
    public async Task Deploy_DryRunForANodeThatToldNothing_SaysThatTheDiskIsNotKnownAndRepeatsWhatWasAsked()
    {
        await using var conductor = await TestConductor.StartAsync(app => app.MapPost(Routes.NodeDeployments, (string node) =>
            TestConductor.Answer(Samples.Deploying with { NodeName = node, Deployment = Samples.Deploying.Deployment! with { TargetDisk = null } })));
        var key = conductor.Folder.Write("id.pub", Encoding.UTF8.GetBytes($"{Mine}\n{Yours}\n"));
        var data = conductor.Folder.Write("user-data", "#cloud-config\n"u8);
        var network = conductor.Folder.Write("network.json", "{}"u8);

        Assert.Equal(
            """
            Nothing was started; what can be checked without the node's inventory has passed.
            Deploying debian-12:1 to w1 would write:
            Disk:       not known: w1 never told what it has; it is chosen and checked when its agent comes
            Hints:      size>=400GB, bus=nvme
            Image:      debian-12:1, 8.0 GiB from a file of 400 MiB
            Swap:       4.0 GiB
            Hostname:   web7
            SSH keys:   2
            User data:  14 B, as they are
            Network:    2 B of network data
            Starts by:  kexec, without another run of the firmware
            Waits for:  phone-home
            Removes:    the config drive of serial=S2

            """,
            (await conductor.RunAsync(
                "deploy", "w1", "--image", "debian-12", "--dry-run", "--root-device", "size>=400GB", "--root-device", "bus=nvme", "--ssh-key", key, "--user-data", data,
                "--network-data", network, "--swap", "4GiB", "--kexec", "--wait-for", "phone-home", "--hostname", "web7", "--remove-config-drive", "serial=S2")).Succeeded());
    }

    [Fact]
    public async Task Deploy_DryRunOfAPartitionImage_ShowsTheLayout()
    {
        await using var conductor = await StartAsync(new PlannedPartition("boot", 0, 262 << 20), new PlannedPartition("root", 262 << 20, 7L << 30), new PlannedPartition("swap", 8L << 30, 2L << 30));

        var output = (await conductor.RunAsync("deploy", "r7", "--image", "debian-12", "--swap", "2GiB", "--dry-run")).Succeeded();

        Assert.EndsWith(
            """

            PART   FROM      SIZE
            boot   0 B       262 MiB
            root   262 MiB   7.0 GiB
            swap   8.0 GiB   2.0 GiB

            """,
            output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("2GiB", 2L << 30)]
    [InlineData("2GB", 1908L << 20)]
    [InlineData("1", 1L << 20)]
    public async Task Deploy_WithSwap_AsksForWholeMebibytes(string size, long bytes)
    {
        await using var conductor = await StartAsync();

        (await conductor.RunAsync("deploy", "r7", "--image", "debian-12", "--swap", size)).Succeeded();

        Assert.Equal(bytes, _asked!.SwapBytes);
    }

    [Fact]
    public async Task Deploy_WithKexec_AsksForIt()
    {
        await using var conductor = await StartAsync();

        (await conductor.RunAsync("deploy", "r7", "--image", "debian-12", "--kexec")).Succeeded();

        Assert.True(_asked!.Kexec);
    }

    [Theory]
    [InlineData("lots")]
    [InlineData("0")]
    [InlineData("9223372036854775807")]
    public async Task Deploy_SwapThatIsNoSize_IsWrongUsage(string size)
    {
        await using var conductor = await StartAsync();

        Assert.Contains($"--swap '{size}' is no size.", (await conductor.RunAsync("deploy", "r7", "--image", "debian-12", "--swap", size)).EndedWith(ExitCodes.WrongUsage), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deploy_BesideOldConfigDrives_SaysWhatBecomesOfEach()
    {
        var job = Samples.Deploying;
        Disk disk = new("sdb", 1L << 30, "S2", null, null, null, false, false, 512, 512, null, ConfigDrives: ["sdb1"]);
        await using var conductor = await TestConductor.StartAsync(app => app.MapPost(Routes.NodeDeployments, async (HttpRequest request) =>
        {
            _asked = await request.ReadFromJsonAsync(ApiJson.Default.DeployNode);
            return TestConductor.Answer(job with { Deployment = job.Deployment! with { StaleConfigDrives = [new StaleConfigDrive(disk, Removed: true), new StaleConfigDrive(disk with { Name = "sdc", Serial = null, ConfigDrives = ["sdc"] }, Removed: false)] } }, ApiJson.Default.Job);
        }));

        var output = (await conductor.RunAsync("deploy", "r7", "--image", "debian-12", "--dry-run", "--remove-config-drive", "serial=S2", "--remove-config-drive", "name=sdd")).Succeeded();

        Assert.Equal([new RootDeviceHints(Serial: "S2"), new RootDeviceHints(Name: "sdd")], _asked!.RemoveConfigDrives!);
        Assert.Contains("Removes:   the config drive sdb1 of disk sdb (serial S2)\n", output, StringComparison.Ordinal);
        Assert.Contains("Beware:    the config drive sdc of disk sdc (serial unknown), which cloud-init may read\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deploy_WithATemplate_SendsItsVariablesAndShowsItFilled()
    {
        using var folder = new ScratchFolder();
        var file = folder.Write("user-data", "x: {{name}} {{var.a}}\n"u8);
        var job = Samples.Deploying;
        await using var conductor = await TestConductor.StartAsync(app => app.MapPost(Routes.NodeDeployments, async (HttpRequest request) =>
        {
            _asked = await request.ReadFromJsonAsync(ApiJson.Default.DeployNode);
            return TestConductor.Answer(job with { Deployment = job.Deployment! with { UserData = "#cloud-config\nx: r7\u001b[2J 1=2\n" } }, ApiJson.Default.Job);
        }));

        var output = (await conductor.RunAsync("deploy", "r7", "--image", "x", "--user-data", file, "--template", "--var", "a=1=2", "--var", "b=", "--dry-run")).Succeeded();

        Assert.Equal([("a", "1=2"), ("b", "")], _asked!.Template!.OrderBy(pair => pair.Key).Select(pair => (pair.Key, pair.Value)));
        Assert.Contains("The installed system is given this user data:\n  #cloud-config\n  x: r7", output, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', output);
    }

    [Theory]
    [InlineData("--var is given without --template.", "--var", "a=1")]
    [InlineData("--var 'a' has no name and value.", "--template", "--var", "a")]
    [InlineData("--var '=1' has no name and value.", "--template", "--var", "=1")]
    [InlineData("--var 'a' is given twice.", "--template", "--var", "a=1", "--var", "a=2")]
    public async Task Deploy_WithVariablesThatAreNone_IsRefused(string expected, params string[] options) =>
        Assert.Contains(expected, (await CommandRun.Of(["deploy", "r7", "--image", "x", .. options])).EndedWith(ExitCodes.WrongUsage), StringComparison.Ordinal);

    [Fact]
    public async Task Deploy_ValueThatBeginsWithAt_IsNoFileOfArguments()
    {
        await using var conductor = await StartAsync();

        (await conductor.RunAsync("deploy", "r7", "--image", "x", "--hostname", "@/etc/hostname")).Succeeded();

        Assert.Equal("@/etc/hostname", _asked!.Hostname);
    }

    [Theory]
    [InlineData("is no hint. hint: Hints are serial=…", "sda")]
    [InlineData("has no value. hint: Write it as serial=…", "serial=")]
    [InlineData("an exact size is a whole number of bytes", "size=8G")]
    [InlineData("'8.5GB' is no size", "size>=8.5GB")]
    [InlineData("'8iB' is no size", "size>=8iB")]
    [InlineData("'9000000000TB' is no size", "size<=9000000000TB")]
    [InlineData("there is no bus 'isa'", "bus=isa")]
    [InlineData("is neither yes nor no", "rotational=maybe")]
    [InlineData("is no hint", "size>400GB")]
    [InlineData("is no hint. hint: Hints are serial=…", "colour=red")]
    [InlineData("serial is given twice", "serial=a", "serial=b")]
    public async Task Deploy_HintThatIsNone_IsWrongUsageWithItsCause(string cause, params string[] hints)
    {
        var error = (await CommandRun.Of(["deploy", "r7", "--image", "x", .. hints.SelectMany(hint => new[] { "--root-device", hint })])).EndedWith(ExitCodes.WrongUsage);

        Assert.Contains($"--root-device '{hints[^1]}'", error, StringComparison.Ordinal);
        Assert.Contains(cause, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deploy_PrivateKeyGiven_IsNeverSent()
    {
        await using var conductor = await StartAsync();
        var key = conductor.Folder.Write("id", "-----BEGIN OPENSSH PRIVATE KEY-----\n"u8);

        var error = (await conductor.RunAsync("deploy", "r7", "--image", "x", "--ssh-key", key)).EndedWith(ExitCodes.Refused);

        Assert.Contains($"{key}.pub", error, StringComparison.Ordinal);
        Assert.Null(_asked);
    }

    [Fact]
    public async Task Deploy_KeyFileWithALineThatIsNoKey_IsRefusedNamingTheLine()
    {
        await using var conductor = await StartAsync();
        var key = conductor.Folder.Write("keys", Encoding.UTF8.GetBytes($"# mine\n\n{Mine}\nroot:x:0:0:root:/root:/bin/bash\n"));

        Assert.Contains($"Line 4 of {key}", (await conductor.RunAsync("deploy", "r7", "--image", "x", "--ssh-key", key)).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
        Assert.Contains("/etc/passwd", (await conductor.RunAsync("deploy", "r7", "--image", "x", "--ssh-key", "/etc/passwd")).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
        Assert.Null(_asked);
    }

    [Fact]
    public async Task Deploy_KeyFileOfCommentsAlone_IsRefused()
    {
        await using var conductor = await StartAsync();

        Assert.Contains("no key", (await conductor.RunAsync("deploy", "r7", "--image", "x", "--ssh-key", conductor.Folder.Write("keys", "# none yet\n\n"u8))).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
        Assert.Null(_asked);
    }

    [Fact]
    public async Task Deploy_UserDataThatIsNoText_IsRefused()
    {
        await using var conductor = await StartAsync();
        var data = conductor.Folder.Write("user-data.gz", [0x1f, 0x8b, 0xff, 0xfe]);

        Assert.Contains(data, (await conductor.RunAsync("deploy", "r7", "--image", "x", "--user-data", data)).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
        Assert.Null(_asked);
    }
}
