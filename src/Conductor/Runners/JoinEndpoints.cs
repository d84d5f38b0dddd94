using System.Security.Claims;
using System.Security.Cryptography.X509Certificates;
using Baremetal.Api;
using Baremetal.Conductor.Certificates;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Events;
using Baremetal.Conductor.Jobs;
using Baremetal.Trust;

namespace Baremetal.Conductor.Runners;

/// <summary>How a runner gets its certificate. Who it is follows from the token; only what it is called may come from its host name.</summary>
internal sealed partial class JoinEndpoints(IDatabase database, CertificateAuthority authority, ILogger<JoinEndpoints> logger)
{
    /// <summary>A version with the commit that it was built from.</summary>
    public const int LongestVersion = 128;

    // RFC 1035 §2.3.4.
    private const int LongestHostName = 255;

    public RunnerIdentity Join(RunnerJoin ask, HttpContext http)
    {
        if (ask.Version.Length > LongestVersion || ask.HostName.Length > LongestHostName)
            throw Problems.Invalid($"The runner's version has {ask.Version.Length} characters and its host name {ask.HostName.Length}; they may have {LongestVersion} and {LongestHostName}.");
        var key = Read(ask.Csr);
        var joined = database.Write(tx => Join(tx, ask, key, AddressOf(http)));
        if (joined.Contested is { } refusal)
        {
            LogContestedToken(joined.Name, key.Digest);
            throw refusal;
        }
        LogJoined(joined.Name, joined.Id);
        return new RunnerIdentity(joined.Id, joined.Name, joined.Certificate, EndOf(joined.Certificate));
    }

    public RunnerCertificate Renew(RunnerRenew ask, ClaimsPrincipal user)
    {
        var key = Read(ask.Csr);
        var runner = database.Read(sql => RunnerTable.Get(sql, RunnerCaller.Of(user).Id));
        if (runner.KeySha256 != key.Digest)
            throw Problems.Conflict("other-key", "A certificate can be renewed for the key that it has, and for no other.", $"A new key needs a new token: 'conductor runner token --name {runner.Name} --rejoin'.");
        using var certificate = authority.IssueRunner(key, runner.Id);
        var pem = certificate.ExportCertificatePem();
        return new RunnerCertificate(pem, EndOf(pem));
    }

    /// <summary>Where a call came from.</summary>
    public static string? AddressOf(HttpContext http) => http.Connection.RemoteIpAddress is { IsIPv4MappedToIPv6: true } mapped ? mapped.MapToIPv4().ToString() : http.Connection.RemoteIpAddress?.ToString();

    private Joined Join(WriteTransaction tx, RunnerJoin ask, AgentKey key, string? address)
    {
        var token = RunnerTokens.Find(tx.Sql, ask.Token, tx.Now)
            ?? throw new ProblemException(Problems.Of(StatusCodes.Status403Forbidden, "bad-token", "The token is unknown, or has ended.", "'conductor runner token' makes a new one."));
        if (token.KeySha256 == key.Digest)
            return new Joined(token.Runner!, RunnerTable.Get(tx.Sql, token.Runner!).Name, token.Certificate!);
        if (token.KeySha256 is not null)
            return Contest(tx, token, address);

        // A node whose first boot failed, and which an operator then helped, is on record already.
        var again = token.Rejoins is { } known ? RunnerTable.Get(tx.Sql, known) : token.Node is { } deployed ? RunnerTable.OfNode(tx.Sql, deployed) : null;
        // The old key is good for nothing from now on: that is what joining again is for.
        if (again is { KeySha256: { } old } && old == key.Digest)
            throw Problems.Conflict("same-key", $"Runner {again.Name} would join again with the key that it has.", "Whoever has copied that key could go on using it. Remove key.pem in the machine's state directory (/var/lib/baremetal-runner), and join again with the same token.");
        var (id, name) = again is null ? (Guid.CreateVersion7(tx.Now).ToString(), token.Name ?? NameOf(ask.HostName)) : (again.Id, again.Name);
        using var certificate = authority.IssueRunner(key, id);
        var pem = certificate.ExportCertificatePem();
        if (again is not null)
        {
            RunnerTable.Rejoin(tx, again, key.Digest, ask.Version, address);
        }
        else
        {
            if (RunnerTable.ByName(tx.Sql, name) is { } other)
                throw TakenName(other);
            RunnerTable.Insert(tx, id, name, token.Node, key.Digest, ask.Version, address);
        }
        RunnerTokens.Use(tx, token, key.Digest, id, pem);
        if (token.Node is { } node)
            JobTable.Wake(tx, node);
        return new Joined(id, name, pem);
    }

    public static ProblemException TakenName(RunnerRow other) => Problems.Conflict("exists", $"There is already a runner '{other.Name}'.",
        $"If it is that machine, which was set up anew, give it a token that says so: 'conductor runner token --name {other.Name} --rejoin'. Else choose another name with --name, or remove the old one: 'conductor runner remove {other.Name}'.");

    /// <summary>Not thrown by this: the alarm, and that the token is void, must be committed.</summary>
    private static Joined Contest(WriteTransaction tx, RunnerTokenRow token, string? address)
    {
        var first = RunnerTable.Get(tx.Sql, token.Runner!);
        tx.Append(EventKinds.Alarm, first.Node, text: $"Somebody at {address ?? "an unknown address"} tried to join with the token by which runner {first.Name} joined, and another key.");
        RunnerTokens.Void(tx, token);
        return new Joined(first.Id, first.Name, "", Problems.Conflict("token-used",
            $"The token was used before, with another key: runner {first.Name} joined by it from {first.Address ?? "an unknown address"}.",
            $"Two machines hold it, and it is void now. If that runner is not yours: 'conductor runner remove {first.Name}'. 'conductor runner token' makes a new token."));
    }

    private static string NameOf(string hostName)
    {
        var name = hostName.Split('.')[0].ToLowerInvariant();
        return RunnerTable.IsName(name) ? name : throw Problems.Invalid($"The token names no runner, and '{Printable.Of(hostName)}' cannot be a runner's name.", "Make a token with a name: 'conductor runner token --name NAME'.");
    }

    private static AgentKey Read(string csr) =>
        AgentKey.TryReadRequest(csr, out var key) ? key : throw Problems.Invalid("The certificate request is not a PKCS#10 request of an ECDSA P-256 key, signed by it.");

    private static DateTimeOffset EndOf(string pem)
    {
        using var certificate = X509Certificate2.CreateFromPem(pem);
        return new DateTimeOffset(certificate.NotAfter).ToUniversalTime();
    }

    [LoggerMessage(3101, LogLevel.Information, "Runner {Runner} joined, id {Id}")]
    private partial void LogJoined(string runner, string id);

    [LoggerMessage(3102, LogLevel.Critical, "ALARM: the token by which runner {Runner} joined was presented again with another key ({Key}); the token is void")]
    private partial void LogContestedToken(string runner, Digest key);

    private sealed record Joined(string Id, string Name, string Certificate, ProblemException? Contested = null);
}
