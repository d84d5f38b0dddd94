using System.Net;
using System.Security.Cryptography;
using System.Text;
using Baremetal.Api;
using Baremetal.Conductor.Boot;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Events;
using Baremetal.Conductor.Nodes;
using Baremetal.Conductor.Runners;
using Baremetal.Trust;
using Dapper;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Baremetal.Conductor.Jobs;

/// <summary>
/// The first word of an installed system: cloud-init's module phone_home posts a form to the address that its config drive names. The address
/// carries a token of that one deploy, which is good for this word and nothing else; the word comes without TLS, since cloud-init cannot
/// pin a certificate, and is worth as much as the network that it comes over.
/// </summary>
internal static class PhoneHome
{
    /// <summary>Three host keys take four kilobytes.</summary>
    public const long MostBytes = 64 << 10;

    /// <summary>Every three seconds: a conductor that is restarted meanwhile is there again.</summary>
    private const int Tries = 60;

    private const int LongestCause = 300;

    private const string KeyPrefix = "pub_key_";

    private static readonly FormOptions Form = new() { KeyLengthLimit = 64, ValueCountLimit = 32, ValueLengthLimit = 16 << 10 };

    public static string NewToken() => RandomNumberGenerator.GetHexString(32, lowercase: true);

    public static Digest HashOf(string token) => Digest.Of(Encoding.UTF8.GetBytes(token));

    public static string UrlOf(NodeAddresses addresses, string token) => addresses.PlainUrl + Routes.For(Routes.PhoneHome, token);

    /// <summary>For <c>vendor_data.json</c>: what an operator's user data says of the same comes before it.</summary>
    public static string CloudConfig(string url) =>
        $"#cloud-config\nphone_home:\n  url: {url}\n  post: [{KeyPrefix}rsa, {KeyPrefix}ecdsa, {KeyPrefix}ed25519, instance_id, hostname, fqdn]\n  tries: {Tries}\n";

    /// <summary>The first word stands, and only of the newest job; whatever else comes with a token that is known is heard and changes nothing.</summary>
    public static async Task<NoContent> Hear(string token, HttpRequest request, IDatabase database)
    {
        var form = await ReadAsync(request);
        var keys = form.Where(field => field.Key.StartsWith(KeyPrefix, StringComparison.Ordinal)).Select(field => SshPublicKey.TryReadHostKey(field.Value.ToString())).OfType<SshHostKey>().ToArray();
        var name = form["hostname"].ToString() is var given && Uri.CheckHostName(given) == UriHostNameType.Dns ? given : null;
        database.Write(tx =>
        {
            var job = Find(tx, token);
            if (job.PhonedAt is null && IsExpected(tx, job))
                Note(tx, job, name, keys, request.HttpContext.Connection.RemoteIpAddress?.MapToIPv4());
        });
        return TypedResults.NoContent();
    }

    /// <summary>The first boot of a node that was to be a runner says why it is none. Over TLS, and for this job alone.</summary>
    public static async Task<NoContent> HearFailure(string token, HttpRequest request, IDatabase database)
    {
        using var reader = new StreamReader(request.Body, Encoding.UTF8);
        var log = await reader.ReadToEndAsync(request.HttpContext.RequestAborted);
        database.Write(tx =>
        {
            var job = Find(tx, token);
            if (!job.MakesRunner || job.Finished is not null || !IsExpected(tx, job))
                return;
            JobLogs.Keep(tx, job.Id, RunnerRole.FirstBoot, log);
            RunnerTable.Fail(tx, NodeTable.ById(tx.Sql, job.Node), CauseIn(log));
            JobTable.Wake(tx, job.Node);
        });
        return TypedResults.NoContent();
    }

    // Whoever gives up says so last.
    private static string CauseIn(string log) =>
        log.Split('\n').LastOrDefault(line => !string.IsNullOrWhiteSpace(line)) is { } last ? Printable.Of(last.Trim() is { Length: > LongestCause } cut ? cut[..LongestCause] + "…" : last.Trim()) : "It did not say why.";

    private static JobRow Find(WriteTransaction tx, string token) => tx.Sql.QuerySingleOrDefault<JobRow>("SELECT * FROM jobs WHERE phone_sha256 = @sha256", new { sha256 = HashOf(token) })
        ?? throw Problems.NotFound("phone-home token", token.Length > 32 ? token[..32] : token, "It is on the config drive of a deploy, and good until the node is deployed anew.");

    private static async Task<IFormCollection> ReadAsync(HttpRequest request)
    {
        if (!request.HasFormContentType || request.ContentType!.StartsWith("multipart/", StringComparison.OrdinalIgnoreCase))
            throw Problems.Invalid("The body is no form.", "cloud-init's phone_home posts application/x-www-form-urlencoded.");
        try
        {
            return await request.ReadFormAsync(Form, request.HttpContext.RequestAborted);
        }
        catch (InvalidDataException e)
        {
            throw Problems.Invalid($"The form cannot be read: {e.Message}");
        }
    }

    // Before the agent said that it restarts the machine, no installed system can speak.
    private static bool IsExpected(WriteTransaction tx, JobRow job) =>
        tx.Sql.QuerySingle<string>("SELECT max(id) FROM jobs WHERE node = @Node", new { job.Node }) == job.Id
        && tx.Sql.QuerySingle<int>("SELECT count(*) FROM step_reports WHERE job = @Id AND step = @step", new { job.Id, step = OrderSteps.Reboot }) > 0;

    private static void Note(WriteTransaction tx, JobRow job, string? name, SshHostKey[] keys, IPAddress? from)
    {
        tx.Sql.Execute("UPDATE jobs SET phoned_at = @now WHERE id = @Id", new { job.Id, now = tx.Now });
        tx.Sql.Execute(
            "UPDATE nodes SET ssh_host_keys = @keys, address = coalesce(@address, address), revision = revision + 1 WHERE id = @Node",
            new { job.Node, keys, address = from?.ToString() });
        tx.Append(EventKinds.NodeSeen, job.Node, job.Id, text: $"the installed system phoned home{(name is null ? "" : $" as {name}")}, with {keys.Length} SSH host keys");
        JobTable.Wake(tx, job.Node);
    }
}
