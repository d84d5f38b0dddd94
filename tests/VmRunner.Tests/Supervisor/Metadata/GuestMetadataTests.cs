using System.Text;
using System.Text.Json;
using Baremetal.VmRunner.Supervisor;
using Baremetal.VmRunner.Supervisor.Metadata;

namespace Baremetal.VmRunner.Tests.Supervisor.Metadata;

public sealed class GuestMetadataTests : IDisposable
{
    private const string ContainerId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("baremetal-test-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Read_Nothing_IsWhatTheContainerIs()
    {
        var metadata = Read(("PUBLIC_KEY_10", "ssh-rsa ten"), ("PUBLIC_KEY_2", "ssh-rsa two"), ("PUBLIC_KEY_x", "none"));

        Assert.Equal(("01234567-89ab-cdef-0123-456789abcdef", "web"), (metadata.Instance.Id, metadata.Instance.HostName));
        Assert.Equal(["ssh-rsa two", "ssh-rsa ten"], metadata.Instance.PublicKeys);
        Assert.Null(metadata.UserData);
        using var network = JsonDocument.Parse(metadata.NetworkData);
        Assert.Equal("52:54:00:aa:bb:01", network.RootElement.GetProperty("links")[0].GetProperty("ethernet_mac_address").GetString());
    }

    [Fact]
    public void Read_InstanceIdVariable_IsHeeded() => Assert.Equal("vm-7", Read(("INSTANCE_ID", "vm-7")).Instance.Id);

    [Fact]
    public void Read_Files_AreWhatTheySay()
    {
        Put("meta.json", """{"instanceId": "i-1", "hostname": "db", "publicKeys": ["ssh-ed25519 AAAA"]}""");
        Put("user-data", "#!/bin/sh\n");
        Put("network-data.json", """{"links": []}""");
        Put("vendor-data.json", """{"a": 1}""");

        var metadata = Read(("PUBLIC_KEY_1", "ssh-rsa not-this"), ("INSTANCE_ID", "not-this"));

        Assert.Equal(("i-1", "db"), (metadata.Instance.Id, metadata.Instance.HostName));
        Assert.Equal(["ssh-ed25519 AAAA"], metadata.Instance.PublicKeys);
        Assert.Equal("#!/bin/sh\n"u8.ToArray(), metadata.UserData);
        Assert.Equal("""{"links": []}"""u8.ToArray(), metadata.NetworkData);
        Assert.Equal(
            ["ec2/latest/meta-data.json", "ec2/latest/user-data", "openstack/latest/meta_data.json", "openstack/latest/network_data.json", "openstack/latest/user_data", "openstack/latest/vendor_data.json"],
            metadata.DriveFiles().Select(file => file.Path).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("meta.json", "[]", "is not as it should be: ")]
    [InlineData("meta.json", "null", "is null.")]
    [InlineData("meta.json", "{\"hostnam\": \"x\"}", "is not as it should be: ")]
    [InlineData("meta.json", "{\"hostname\": \"a b\"}", "has the hostname 'a b'; it is 1 to 253 letters, digits, dots and dashes.")]
    [InlineData("meta.json", "{\"instanceId\": \"\"}", "has the instanceId ''; it is 1 to 64 letters, digits, dots, dashes and underscores.")]
    [InlineData("meta.json", "{\"publicKeys\": [\"a\\nb\"]}", "has a key that is none; a key is one line of at most 16384 characters.")]
    [InlineData("meta.json", "{\"publicKeys\": [null]}", "a key is one line of at most 16384 characters.")]
    [InlineData("network-data.json", "{", "is no JSON: ")]
    [InlineData("vendor-data.json", "", "is no JSON: ")]
    public void Read_WhatIsWrong_EndsTheContainerNamingIt(string name, string content, string why)
    {
        Put(name, content);

        AssertRefused(name, why);
    }

    [Theory]
    [InlineData("meta.json", 256 << 10)]
    [InlineData("user-data", 1 << 20)]
    [InlineData("network-data.json", 64 << 10)]
    [InlineData("vendor-data.json", 1 << 20)]
    public void Read_OneByteTooMany_EndsTheContainerNamingIt(string name, int most)
    {
        Put(name, "{}" + new string(' ', most - 2));
        _ = Read();
        Put(name, "{}" + new string(' ', most - 1));

        AssertRefused(name, $"has {most + 1} bytes; the most is {most}.");
    }

    [Fact]
    public void Read_TooManyKeys_EndsTheContainerNamingIt()
    {
        Put("meta.json", $$"""{"publicKeys": [{{string.Join(',', Enumerable.Repeat("\"k\"", 101))}}]}""");

        AssertRefused("meta.json", "has 101 keys; there are at most 100.");
    }

    private void AssertRefused(string name, string why)
    {
        var end = Assert.Throws<SupervisorException>(() => Read());
        Assert.Equal(ExitCodes.RefusedOption, end.ExitCode);
        Assert.StartsWith(Path.Combine(_folder.FullName, name), end.Message, StringComparison.Ordinal);
        Assert.Contains(why, end.Message, StringComparison.Ordinal);
    }

    private void Put(string name, string content) => File.WriteAllBytes(Path.Combine(_folder.FullName, name), Encoding.UTF8.GetBytes(content));

    private GuestMetadata Read(params (string Name, string Value)[] environment) =>
        GuestMetadata.Read(_folder.FullName, VmSettings.Read(environment.ToDictionary(one => one.Name, one => one.Value, StringComparer.Ordinal), []), TestLink.Usual, ContainerId);
}
