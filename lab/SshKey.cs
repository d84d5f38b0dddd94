using System.Globalization;

namespace Baremetal.Lab;

/// <summary>A key pair made for one lab, and logins with it by the real <c>ssh</c>.</summary>
public sealed record SshKey(string PrivateFile)
{
    /// <summary>The first user of Debian's cloud images.</summary>
    public const string User = "debian";

    // sshd comes up some seconds after the network.
    private static readonly TimeSpan Between = TimeSpan.FromSeconds(1);

    public string PublicFile => PrivateFile + ".pub";

    public static async Task<SshKey> CreateAsync(string folder, CancellationToken cancellationToken = default)
    {
        var file = Path.Combine(folder, "id_ed25519");
        await Tool.RunAsync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "baremetal-lab", "-f", file], input: null, cancellationToken);
        return new SshKey(file);
    }

    /// <summary>Logs in from a host of the lab as soon as the server lets it, and runs a command there. Returns what it printed, by lines.</summary>
    public Task<IReadOnlyList<string>> LoginAsync(LanHost from, string address, string command, TimeSpan bound, CancellationToken cancellationToken = default) =>
        LoginAsync(from, address, command, bound, User, cancellationToken);

    /// <inheritdoc cref="LoginAsync(LanHost, string, string, TimeSpan, CancellationToken)"/>
    public async Task<IReadOnlyList<string>> LoginAsync(LanHost from, string address, string command, TimeSpan bound, string user, CancellationToken cancellationToken = default)
    {
        string[] arguments =
        [
            "netns", "exec", from.Namespace, "ssh", "-i", PrivateFile, "-o", "BatchMode=yes", "-o", "ConnectTimeout=5",
            // The host key is minutes old and nobody has told us of it; the lab's network has no one else on it.
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", $"{user}@{address}", command,
        ];
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        bounded.CancelAfter(bound);
        var lastCause = "it was never tried";
        try
        {
            while (true)
            {
                try
                {
                    var said = await Tool.RunAsync("ip", arguments, input: null, bounded.Token);
                    return said.Split('\n', StringSplitOptions.RemoveEmptyEntries);
                }
                catch (InvalidOperationException refused)
                {
                    lastCause = refused.Message;
                }
                await Task.Delay(Between, bounded.Token);
            }
        }
        catch (OperationCanceledException late) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException(string.Create(CultureInfo.InvariantCulture, $"No SSH login to {user}@{address} within {bound.TotalSeconds:0} s; the last try said: {lastCause}"), late);
        }
    }
}
