namespace Baremetal.VmRunner.Host;

/// <summary>The conductor's own registry, on its TLS port: it knows this runner by its certificate, and is known by the pinned CA.</summary>
internal sealed class OwnRegistry(RunnerIdentityFile identity, StateFolder state)
{
    /// <summary>What the engine calls an image of it.</summary>
    /// <param name="image">As ordered: <c>vm@sha256:…</c></param>
    public string NameOf(string image) => $"{identity.Load().Server.Authority}/{image}";

    /// <summary>What the engine needs to pull this image, beside its name; nothing for another registry's.</summary>
    public string[] OptionsFor(string name)
    {
        var saved = identity.Load();
        return name.StartsWith($"{saved.Server.Authority}/", StringComparison.Ordinal) ? ["--cert-dir", WriteCertificates(saved)] : [];
    }

    // Written for each pull: the certificate is renewed now and then. The names are those that engines look for (containers-certs.d(5)).
    private string WriteCertificates(SavedRunner saved)
    {
        var folder = StateFolder.Make(state.RegistryCertificates);
        using var key = identity.Key();
        StateFolder.Write(Path.Combine(folder, "ca.crt"), saved.Ca);
        StateFolder.Write(Path.Combine(folder, "client.cert"), saved.Certificate);
        StateFolder.Write(Path.Combine(folder, "client.key"), key.ExportPkcs8PrivateKeyPem());
        return folder;
    }
}
