using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace Baremetal.Conductor.Access;

/// <summary>An operator, by <c>Authorization: Bearer bm1_…</c>.</summary>
internal sealed class OperatorAuthentication(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logs, UrlEncoder encoder, OperatorTokens tokens)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logs, encoder)
{
    public const string Name = "operator";

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        const string Bearer = "Bearer ";
        var header = Request.Headers.Authorization.ToString();
        if (!header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
            return Task.FromResult(AuthenticateResult.NoResult());
        return Task.FromResult(tokens.TryFind(header[Bearer.Length..].Trim(), out var name)
            ? AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(new ClaimsIdentity([new Claim(ClaimTypes.Name, name)], Name)), Name))
            : AuthenticateResult.Fail("unknown or expired token"));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        Response.Headers.WWWAuthenticate = "Bearer";
        return Problems.WriteAsync(Context, Problems.Of(StatusCodes.Status401Unauthorized, "unauthenticated",
            Request.Headers.Authorization.Count == 0 ? "This call needs an operator's token." : "The token is not known to this conductor, or it has expired.",
            "Send 'Authorization: Bearer TOKEN'. The first token lies in the file admin.token of the conductor's state directory."));
    }
}
