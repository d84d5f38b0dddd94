using System.Security.Claims;
using System.Security.Cryptography.X509Certificates;
using System.Text.Encodings.Web;
using Baremetal.Conductor.Certificates;
using Baremetal.Conductor.Database;
using Dapper;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace Baremetal.Conductor.Agents;

/// <summary>
/// An agent, by its client certificate: one of ours, and of the key that enrolled for the node's newest boot. An earlier boot's certificate
/// is good for nothing from the moment that the next one enrols.
/// </summary>
internal sealed class AgentAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options,
    ILoggerFactory logs,
    UrlEncoder encoder,
    IDatabase database,
    CertificateAuthority authority)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logs, encoder)
{
    public const string Name = "agent";

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        // Checked at the handshake, and again here: a connection can outlive its certificate.
        if (Context.Connection.ClientCertificate is not { } certificate)
            return Task.FromResult(AuthenticateResult.NoResult());
        if (!authority.IsAgent(certificate))
            return Task.FromResult(AuthenticateResult.Fail("the certificate is not ours, or has ended"));
        var node = certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false);
        var boot = database.Read(sql => sql.QuerySingleOrDefault<string>(
            "SELECT boot_id FROM agents WHERE node = @node AND key_sha256 = @key",
            new { node, key = AgentKey.Of(certificate).Digest }));
        return Task.FromResult(boot is null
            ? AuthenticateResult.Fail("the certificate is of an earlier boot, or of a node that was removed")
            : AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(new ClaimsIdentity([new Claim(AgentCaller.NodeClaim, node), new Claim(AgentCaller.BootClaim, boot)], Name)), Name)));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties) =>
        Problems.WriteAsync(Context, Problems.Of(StatusCodes.Status401Unauthorized, "unauthenticated",
            "This call needs the client certificate of the node's newest boot.",
            "An agent whose certificate is refused has been replaced by a newer boot, or has let it end: the node must be netbooted again."));
}

/// <summary>The agent that makes a call.</summary>
internal sealed record AgentCaller(string Node, string BootId)
{
    public const string NodeClaim = "node";
    public const string BootClaim = "boot";

    public static AgentCaller Of(ClaimsPrincipal user) => new(user.FindFirstValue(NodeClaim)!, user.FindFirstValue(BootClaim)!);
}
