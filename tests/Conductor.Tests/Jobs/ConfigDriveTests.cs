using System.Diagnostics;
using System.Text.Json;
using Baremetal.Api;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Jobs;
using Baremetal.Conductor.Nodes;
using Baremetal.Conductor.Settings;
using Baremetal.Conductor.Tests.World;
using Baremetal.Metadata;
using Baremetal.Trust;

namespace Baremetal.Conductor.Tests.Jobs;

public sealed class ConfigDriveTests
{
    private static readonly NodeRow Node = new() { Id = "0190-id", Name = "n1", Mac = "", PowerDriver = "manual" };

    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public async Task Drive_ForEitherSector_IsReadByMtoolsAndSaysWhatWasAsked(int sector)
    {
        using var folder = new TempFolder();
        var state = new StateDirectory(folder.Path);
        using var database = new SqliteDatabase(state.Database, TimeProvider.System);
        var drives = new ConfigDrives(database, state);
        var digest = await drives.BuildAsync("job", Node, new DeployNode("x", Hostname: "web-1", SshKeys: ["ssh-ed25519 AAAA a", "ssh-rsa BBBB b"], NetworkData: Json("""{"links": []}""")), "#cloud-config\nx: 1\n", ["#cloud-config\ny: 1\n", "#!/bin/sh\necho 'y'\n"], sector, CancellationToken.None);

        var image = drives.PathOf("job");
        var bytes = await File.ReadAllBytesAsync(image, CancellationToken.None);
        Assert.Equal((digest, 8 << 20, sector), (Digest.Of(bytes), bytes.Length, BitConverter.ToUInt16(bytes, 11)));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(image));
        using var meta = JsonDocument.Parse(await RunAsync("mtype", "-i", image, "::openstack/latest/meta_data.json"));
        Assert.Equal(("0190-id", "web-1"), (meta.RootElement.GetProperty("uuid").GetString(), meta.RootElement.GetProperty("hostname").GetString()));
        Assert.Equal(["ssh-ed25519 AAAA a", "ssh-rsa BBBB b"], meta.RootElement.GetProperty("public_keys").EnumerateObject().Select(key => key.Value.GetString()));
        Assert.Equal("#cloud-config\nx: 1\n", await RunAsync("mtype", "-i", image, "::openstack/latest/user_data"));
        using var vendor = JsonDocument.Parse(await RunAsync("mtype", "-i", image, "::openstack/latest/vendor_data.json"));
        Assert.Equal(["#cloud-config\ny: 1\n", "#!/bin/sh\necho 'y'\n"], vendor.RootElement.GetProperty("cloud-init").EnumerateArray().Select(part => part.GetString()));
        Assert.Equal("""{"links": []}""", await RunAsync("mtype", "-i", image, "::openstack/latest/network_data.json"));
        Assert.Contains("CONFIG-2", await RunAsync("mlabel", "-s", "-i", image, "::"), StringComparison.Ordinal);

        // No unfinished job needs it.
        drives.Sweep();
        Assert.False(File.Exists(image));
    }

    [Fact]
    public async Task Drive_ThatDoesNotFit_IsRefusedInWords()
    {
        using var folder = new TempFolder();
        var state = new StateDirectory(folder.Path);
        using var database = new SqliteDatabase(state.Database, TimeProvider.System);
        var refusal = await Assert.ThrowsAsync<ConfigDriveException>(() => new ConfigDrives(database, state).BuildAsync("job", Node, new DeployNode("x"), new string('x', 9 << 20), [], 512, CancellationToken.None));
        Assert.Contains("mcopy", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"links": [{"id": "a", "type": "phy", "ethernet_mac_address": "52:54:00:00:00:01"}, {"id": "v", "type": "vlan", "vlan_link": "a", "vlan_id": 7}], "networks": [{"id": "n", "type": "ipv4", "link": "v", "ip_address": "10.0.0.5"}], "services": [{"type": "dns", "address": "10.0.0.1"}]}""", null)]
    [InlineData("""[]""", "no JSON object")]
    [InlineData("""{"version": 2}""", "a member 'version'")]
    [InlineData("""{"links": {}}""", "'links' are no list of objects")]
    [InlineData("""{"links": [null]}""", "'links' are no list of objects")]
    [InlineData("""{"links": [{"id": "a"}]}""", "has no 'id' or no 'type'")]
    [InlineData("""{"links": [{"id": "a", "type": "phy"}]}""", "no 'ethernet_mac_address'")]
    [InlineData("""{"links": [{"id": "a", "type": "phy", "ethernet_mac_address": "nope"}]}""", "no MAC address")]
    [InlineData("""{"links": [{"id": "a", "type": "bond"}, {"id": "a", "type": "bond"}]}""", "which another link has")]
    [InlineData("""{"links": [{"id": "a", "type": "bond", "bond_links": ["b"]}]}""", "made of the link 'b'")]
    [InlineData("""{"links": [{"id": "a", "type": "vlan", "vlan_link": 7}]}""", "made of the link ''")]
    [InlineData("""{"networks": [{"type": "ipv4_dhcp", "link": "a"}]}""", "on the link 'a', which is not among the links")]
    [InlineData("""{"links": [{"id": "a", "type": "bond"}], "networks": [{"type": "ipv4", "link": "a"}]}""", "no 'ip_address' that is one")]
    public void NetworkData_ByTheirShape_AreTakenOrRefusedSayingWhatIsWrong(string data, string? fault)
    {
        var found = NetworkData.FirstFault(Json(data));

        if (fault is null)
            Assert.Null(found);
        else
            Assert.Contains(fault, found!.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NetworkData_ThatAreWrong_AreRefusedBeforeAnythingBegins()
    {
        await using var site = await TestSite.StartAvailableAsync();

        var problem = (await Assert.ThrowsAsync<ProblemException>(() => site.DeployAsync(new DeployNode("debian", NetworkData: Json($$"""{"links": [], "networks": [], "services": [{"x": "{{new string('x', 64 << 10)}}"}]}""")))).WaitAsync(TestContext.Current.CancellationToken)).Problem;

        Assert.Equal(400, problem.Status);
        Assert.Contains("the most is 65536", problem.Title, StringComparison.Ordinal);
        Assert.Equal(NodeState.Available, (await site.NodeAsync()).State);
    }

    private static JsonElement Json(string text)
    {
        using var document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }

    private static async Task<string> RunAsync(string tool, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(tool, arguments) { UseShellExecute = false, RedirectStandardOutput = true })!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
        return output;
    }
}
