using System.Reflection;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Baremetal.Api;
using Baremetal.Api.Client;
using Baremetal.DeployAgent.Inventory;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Enrolment;

/// <summary>
/// An agent that the conductor knows: its identity for this boot, a client that proves it, and the conductor's time.
/// </summary>
internal sealed class Enrolled : IDisposable
{
    public static readonly string Version = typeof(Enrolled).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0";

    private readonly AgentFiles _files;
    private readonly ECDsa _key;
    private X509Certificate2 _certificate;

    private Enrolled(AgentClient client, AgentFiles files, ECDsa key, Digest caSha256, AgentIdentity identity, ServerClock clock)
    {
        (Client, _files, _key, CaSha256, Identity, Clock) = (client, files, key, caSha256, identity, clock);
        _certificate = Adopt(identity.Certificate);
    }

    public AgentClient Client { get; }

    public AgentIdentity Identity { get; private set; }

    public ServerClock Clock { get; }

    /// <summary>The CA that the conductor proves itself with.</summary>
    public Digest CaSha256 { get; }

    private DateTimeOffset CertificateEnds => new(_certificate.NotAfter.ToUniversalTime());

    /// <summary>
    /// Enrols with the one-time token, or takes up the identity of an earlier start. Waits for a conductor that is away; one that refuses
    /// is a <see cref="ProblemException"/>.
    /// </summary>
    public static async Task<Enrolled> StartAsync(BootArguments boot, Machine machine, AgentConsole console, TimeProvider time, CancellationToken cancel)
    {
        var ca = await FetchCaAsync(boot, time, cancel);
        var files = new AgentFiles(machine);
        var key = files.Key();
        var client = new AgentClient(boot.Conductor, ca, time, console.TellOutage);
        var caSha256 = Digest.Of(ca.RawData);

        if (files.Identity() is { } saved)
        {
            var before = new Enrolled(client, files, key, caSha256, saved.Identity, new ServerClock(time, saved.Identity.ServerTime, saved.SaidAt));
            if (await before.TryComeBackAsync(cancel))
            {
                console.Say($"Back as node {saved.Identity.NodeName}, boot {saved.Identity.BootId}.");
                return before;
            }
            client.Use(null);
        }
        var identity = await client.EnrolAsync(Request(boot, machine, key), cancel);
        var enrolled = new Enrolled(client, files, key, caSha256, identity, new ServerClock(time, identity.ServerTime, time.GetTimestamp()));
        enrolled.Save();
        console.Say($"Enrolled at {boot.Conductor.Authority} as node {identity.NodeName}, boot {identity.BootId}.");
        return enrolled;
    }

    /// <summary>Renews when half of the certificate's life is over: the other half is for a conductor that is away.</summary>
    public async Task RenewIfDueAsync(CancellationToken cancel)
    {
        var begun = new DateTimeOffset(_certificate.NotBefore.ToUniversalTime());
        if (Clock.Now > CertificateEnds)
            throw new AgentException(new Rejection($"This agent's certificate ended at {CertificateEnds:u}, before the conductor could be reached to renew it.", "Netboot the machine again."));
        if (Clock.Now > CertificateEnds - ((CertificateEnds - begun) / 2))
            await RenewAsync(Retry.Never, cancel);
    }

    public void Dispose()
    {
        Client.Dispose();
        _certificate.Dispose();
        _key.Dispose();
    }

    private async Task<bool> TryComeBackAsync(CancellationToken cancel)
    {
        // With a certificate that has ended no handshake succeeds, which looks like a conductor that is away.
        if (Clock.Now > CertificateEnds)
            return false;
        try
        {
            await RenewAsync(Retry.Patient, cancel);
            return true;
        }
        catch (ProblemException e) when (e.Problem.Status is >= 400 and < 500)
        {
            // The conductor has forgotten this boot: the token decides.
            return false;
        }
    }

    private async Task RenewAsync(Retry retry, CancellationToken cancel)
    {
        var renewed = await Client.RenewAsync(new AgentRenew(CertificateRequestOf(_key)), retry, cancel);
        Clock.Set(renewed.ServerTime);
        _certificate = Adopt(renewed.Certificate);
        Identity = Identity with { Certificate = renewed.Certificate, ServerTime = renewed.ServerTime };
        Save();
    }

    private void Save() => _files.Save(new SavedIdentity(Identity, Clock.SaidAt));

    private X509Certificate2 Adopt(string pem)
    {
        using var bare = X509Certificate2.CreateFromPem(pem);
        var certificate = bare.CopyWithPrivateKey(_key);
        Client.Use(certificate);
        return certificate;
    }

    private static async Task<X509Certificate2> FetchCaAsync(BootArguments boot, TimeProvider time, CancellationToken cancel)
    {
        using var plain = new PlainClient(boot.Plain, time);
        var pem = await plain.GetAsync(Routes.CaCertificate, Retry.Patient, cancel);
        return PinnedHttp.TryTakeCa(Encoding.ASCII.GetString(pem), boot.CaPin, out var ca, out var cause)
            ? ca
            : throw new AgentException(new Rejection($"{cause} ({boot.Plain})", "Netboot the machine again; if this stays, look who else answers on this network."));
    }

    private static AgentEnrol Request(BootArguments boot, Machine machine, ECDsa key)
    {
        var system = Smbios.Read(machine);
        var macs = NetworkCards.Read(machine, boot.BootMac).Select(card => card.Mac).Where(mac => mac.Length > 0);
        return new AgentEnrol(CertificateRequestOf(key), boot.Token, [.. macs], system.Uuid, system.Serial, Version);
    }

    // The subject counts for nothing: who this is follows from the token.
    private static string CertificateRequestOf(ECDsa key) =>
        Convert.ToBase64String(new CertificateRequest("CN=deploy-agent", key, HashAlgorithmName.SHA256).CreateSigningRequest());
}
