using Baremetal.VmRunner.Tests.World;

namespace Baremetal.VmRunner.Tests;

/// <summary>What a guest learns of itself, by the config drive and by the service.</summary>
[Trait("Needs", "VirtualServers")]
public sealed class MetadataTests(VmHost host) : VmTests(host)
{
    private const string Key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPa+b ann@site";

    // The OpenStack image guide's own rc.local (docs.openstack.org/image-guide/openstack-images.html), as it stands there.
    private const string GuideScript = """
        #!/bin/sh
        if [ ! -d /root/.ssh ]; then
          mkdir -p /root/.ssh
          chmod 700 /root/.ssh
        fi

        # Fetch public key using HTTP
        ATTEMPTS=30
        FAILED=0
        while [ ! -f /root/.ssh/authorized_keys ]; do
          curl -f http://169.254.169.254/latest/meta-data/public-keys/0/openssh-key \
            > /tmp/metadata-key 2>/dev/null
          if [ $? -eq 0 ]; then
            cat /tmp/metadata-key >> /root/.ssh/authorized_keys
            chmod 0600 /root/.ssh/authorized_keys
            restorecon /root/.ssh/authorized_keys
            rm -f /tmp/metadata-key
            echo "Successfully retrieved public key from instance metadata"
            echo "*****************"
            echo "AUTHORIZED KEYS"
            echo "*****************"
            cat /root/.ssh/authorized_keys
            echo "*****************"
          else
            FAILED=`expr $FAILED + 1`
            if [ $FAILED -ge $ATTEMPTS ]; then
              echo "Failed to retrieve public key from instance metadata after $FAILED attempts, quitting"
              break
            fi
            echo "Could not retrieve public key from instance metadata (attempt #$FAILED/$ATTEMPTS), retrying in 5 seconds..."
            sleep 5
          fi
        done

        """;

    [Fact]
    public async Task Guest_OfMetadata_FindsItOnItsDriveAndByTheGuidesScript()
    {
        var meta = Directory.CreateDirectory(Path.Combine(Host.Folder, "meta")).FullName;
        await File.WriteAllTextAsync(Path.Combine(meta, "meta.json"), $$"""{"instanceId": "i-7", "hostname": "db", "publicKeys": ["{{Key}}"]}""", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(meta, "user-data"), GuideScript, TestContext.Current.CancellationToken);
        var vm = await Host.RunAsync(await Host.TinyAsync(), ["-v", $"{meta}:/meta:ro"]);

        Assert.Contains("host=db seed=configdrive instance=i-7 keys=1 ", await vm.ReadyAsync(), StringComparison.Ordinal);
        Assert.Equal("1", await vm.ShellAsync("cat /sys/block/vdb/ro"));

        await vm.ShellAsync("rm -r /root/.ssh; curl -f http://169.254.169.254/latest/user-data >/root/rc.local");
        Assert.Contains("Successfully retrieved public key", await vm.ShellAsync("sh /root/rc.local"), StringComparison.Ordinal);
        Assert.Equal(Key, await vm.ShellAsync("cat /root/.ssh/authorized_keys"));

        // A guest that knows no way there but its router.
        await vm.ShellAsync("ip route del 169.254.169.254");
        Assert.Equal("i-7", await vm.ShellAsync("curl -s http://169.254.169.254/2009-04-04/meta-data/instance-id"));
        Assert.Equal(22, (await vm.TryShellAsync("curl -f http://169.254.169.254/latest/nothing")).ExitCode);
        var token = await vm.ShellAsync(@"printf 'PUT /latest/api/token HTTP/1.1\r\nX-aws-ec2-metadata-token-ttl-seconds: 60\r\n\r\n' | nc 169.254.169.254 80");
        Assert.StartsWith("HTTP/1.1 200 OK", token, StringComparison.Ordinal);
        Assert.Contains("\"hostname\":\"db\"", await vm.ShellAsync($"curl -s -H 'X-aws-ec2-metadata-token: {token.Split('\n')[^1]}' http://169.254.169.254/openstack/latest/meta_data.json"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Guest_WithoutMetadata_FindsTheContainersKeys()
    {
        var vm = await Host.RunAsync(await Host.TinyAsync(), ["-e", $"PUBLIC_KEY_1={Key}"]);

        Assert.Contains("seed=none", await vm.ReadyAsync(), StringComparison.Ordinal);

        Assert.Equal(Key, await vm.ShellAsync("curl -f http://169.254.169.254/latest/meta-data/public-keys/0/openssh-key"));
        Assert.Equal(vm.Name, await vm.ShellAsync("curl -f http://169.254.169.254/latest/meta-data/hostname"));
        Assert.Equal($"{vm.Id[..8]}-{vm.Id[8..12]}-{vm.Id[12..16]}-{vm.Id[16..20]}-{vm.Id[20..32]}", await vm.ShellAsync("curl -f http://169.254.169.254/latest/meta-data/instance-id"));
    }
}
