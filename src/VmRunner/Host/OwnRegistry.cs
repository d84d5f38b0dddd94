namespace Baremetal.VmRunner.Host;

/// <summary>The registry of the conductor's own images, on the TLS port of the server that was joined. It knows a runner by its certificate.</summary>
internal sealed class OwnRegistry(StateFolder state, RunnerIdentityFile file)
{
    /// <summary>How an image is named there, with its registry.</summary>
    public string NameOf(string image) => $"{file.Load().Server.Authority}/{image}";

    /// <summary>Writes what podman proves itself with and trusts, as it is now: the certificate is renewed from time to time.</summary>
    /// <returns>The folder, laid out as containers-certs.d(5) has it.</returns>
    public string WriteCertificates()
    {
        var folder = StateFolder.Make(Path.Combine(state.Root, "registry"));
        var saved = file.Load();
        StateFolder.Write(Path.Combine(folder, "ca.crt"), saved.Ca);
        StateFolder.Write(Path.Combine(folder, "client.cert"), saved.Certificate);
        StateFolder.Write(Path.Combine(folder, "client.key"), File.ReadAllText(state.Key));
        return folder;
    }
}
