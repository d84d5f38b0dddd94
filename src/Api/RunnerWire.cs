namespace Baremetal.Api;

/// <summary>
/// <c>POST /v1/runners/join</c>: a PKCS#10 request (DER, base64) and the one-time token. The same token with the same key gets the same answer again,
/// so that a lost one does no harm; with another key 409.
/// </summary>
/// <param name="HostName">The machine's, for want of a name in the token.</param>
public sealed record RunnerJoin(string Csr, string Token, string HostName, string Version);

/// <summary>Who the runner is from now on. The certificate is PEM.</summary>
public sealed record RunnerIdentity(string Id, string Name, string Certificate, DateTimeOffset CertificateEnds);

/// <summary><c>POST /v1/runner/renew</c>, with the certificate that is about to end and for the same key.</summary>
public sealed record RunnerRenew(string Csr);

public sealed record RunnerCertificate(string Certificate, DateTimeOffset CertificateEnds);

/// <summary>
/// <c>GET /v1/runner/orders?after=REVISION</c>: all that the runner shall have. The answer waits until it differs from <paramref name="Revision"/> or a
/// stream is asked for, half a minute at most; then it is 204. A VM that the runner has and that is not named here is none of ours: it is left alone.
/// </summary>
/// <param name="Revision">Goes up with each change.</param>
/// <param name="Vms">Every VM of the runner, those that shall go included.</param>
/// <param name="Streams">What somebody waits to look at now; each is named once.</param>
public sealed record RunnerOrders(long Revision, VmOrder[] Vms, StreamOrder[] Streams);

/// <summary>What one VM shall be.</summary>
/// <param name="Run">
/// Goes up with each start and restart that is asked for. A VM that ended by itself is not started again under the same number, unless its end was
/// none of its guest's doing: QEMU died, or the host restarted.
/// </param>
/// <param name="Spec">With the user data.</param>
/// <param name="OwnImage">
/// Not null: the image is one of the conductor's own, fetched from its registry on its TLS port by this name there, such as <c>vm@sha256:…</c>, with the runner's certificate.
/// </param>
public sealed record VmOrder(string Id, long Run, VmTarget Target, CreateVm Spec, string? OwnImage = null);

/// <summary>Somebody waits to see this: the runner connects to <see cref="Routes.RunnerStream"/> and passes the bytes on, both ways, as binary WebSocket messages.</summary>
public sealed record StreamOrder(string Id, string Vm, VmView Kind);

/// <summary><c>POST /v1/runner/report</c>: whenever something changed, and every ten seconds as a sign of life.</summary>
/// <param name="Revision">Of the orders that it has taken up.</param>
/// <param name="Vms">All that it has of ours; one that is deleted is told once more, as gone, and then no more.</param>
public sealed record RunnerReport(string Version, long Revision, RunnerCapacity Capacity, PreflightCheck[] Preflight, VmReport[] Vms);

/// <summary>How one VM is.</summary>
/// <param name="Run">The number of the start that was last tried, the fetching of its image included; 0 for none.</param>
/// <param name="IsGone">It was deleted, with its disk.</param>
public sealed record VmReport(
    string Id,
    long Run,
    VmState State,
    DateTimeOffset Since,
    string? Cause = null,
    int? ExitCode = null,
    string? ImageDigest = null,
    string? Address = null,
    string? Mac = null,
    string? Accelerator = null,
    bool IsGone = false)
{
    /// <summary>Of a cause, in characters; what is longer is cut.</summary>
    public const int LongestCause = 4096;
}
