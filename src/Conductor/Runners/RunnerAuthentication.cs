using System.Security.Claims;
using System.Security.Cryptography.X509Certificates;
using System.Text.Encodings.Web;
using Baremetal.Conductor.Certificates;
using Baremetal.Conductor.Database;
using Dapper;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace Baremetal.Conductor.Runners;

/// <summary>A runner, by its client certificate: one that we gave to a runner, of the key that it last joined with. A runner that was removed is shut out with its next call.</summary>
internal sealed class RunnerAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options,
    ILoggerFactory logs,
    UrlEncoder encoder,
    IDatabase database,
    CertificateAuthority authority)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logs, encoder)
{
    public const string Name = "runner";

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        // Checked at the handshake, and again here: a connection can outlive its certificate, and an agent's gets through the handshake too.
        if (Context.Connection.ClientCertificate is not { } certificate)
            return Task.FromResult(AuthenticateResult.NoResult());
        if (!authority.IsRunner(certificate))
            return Task.FromResult(AuthenticateResult.Fail("the certificate is no runner's of ours, or has ended"));
        var id = certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false);
        var name = database.Read(sql => sql.QuerySingleOrDefault<string>(
            "SELECT name FROM runners WHERE id = @id AND key_sha256 = @key",
            new { id, key = AgentKey.Of(certificate).Digest }));
        return Task.FromResult(name is null
            ? AuthenticateResult.Fail("the certificate is of a runner that was removed, or of a key that it had before it joined again")
            : AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(new ClaimsIdentity([new Claim(RunnerCaller.IdClaim, id), new Claim(RunnerCaller.NameClaim, name)], Name)), Name)));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties) =>
        Problems.WriteAsync(Context, Problems.Of(StatusCodes.Status401Unauthorized, "unauthenticated",
            "This call needs the client certificate of a runner.",
            "A runner whose certificate is refused was removed, or has joined again with another key: it needs a new token, from 'conductor runner token'."));
}

/// <summary>The runner that makes a call.</summary>
internal sealed record RunnerCaller(string Id, string Name)
{
    public const string IdClaim = "runner";
    public const string NameClaim = "name";

    public static RunnerCaller Of(ClaimsPrincipal user) => new(user.FindFirstValue(IdClaim)!, user.FindFirstValue(NameClaim)!);
}
