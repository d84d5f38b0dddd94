using System.Globalization;
using System.Security.Claims;
using Baremetal.Api;
using Baremetal.Conductor.Boot;
using Baremetal.Conductor.Certificates;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Events;
using Baremetal.Conductor.Jobs;
using Baremetal.Conductor.Nodes;
using Baremetal.Trust;
using Dapper;

namespace Baremetal.Conductor.Agents;

/// <summary>
/// How an agent gets its certificate. Who it is follows from the token alone: the request's subject and all that the agent says of itself
/// can at most contradict it.
/// </summary>
internal sealed partial class EnrolEndpoints(
    IDatabase database, CertificateAuthority authority, NodeAddresses addresses, ConfigDrives configDrives, TimeProvider time, ILogger<EnrolEndpoints> logger)
{
    private const string TwoKeys = "Its one-time token was presented with two keys: two machines hold it, and which of them is the node nobody here can tell.";

    /// <summary>A version with the commit that it was built from; it is kept with each inventory.</summary>
    private const int LongestVersion = 128;

    public AgentIdentity Enrol(AgentEnrol ask)
    {
        if (ask.AgentVersion?.Length > LongestVersion)
            throw Problems.Invalid($"The agent's version has {ask.AgentVersion.Length} characters; it may have {LongestVersion}.");
        if (!AgentKey.TryReadRequest(ask.Csr ?? "", out var key))
            throw Problems.Invalid("The certificate request is not a PKCS#10 request of an ECDSA P-256 key, signed by it.");
        var enrolled = database.Write(tx => Enrol(tx, ask, key));
        if (enrolled.Stolen is { } refusal)
        {
            LogStolenToken(enrolled.Node.Name, key.Digest);
            configDrives.Sweep();
            throw refusal;
        }
        LogEnrolled(enrolled.Node.Name, enrolled.Token!.BootId!);
        return new AgentIdentity(enrolled.Node.Id, enrolled.Node.Name, enrolled.Token.BootId!, enrolled.Token.Certificate!, time.GetUtcNow(), [addresses.PlainUrl + Routes.Blobs]);
    }

    public AgentCertificate Renew(AgentRenew ask, ClaimsPrincipal user)
    {
        var caller = AgentCaller.Of(user);
        if (!AgentKey.TryReadRequest(ask.Csr ?? "", out var key))
            throw Problems.Invalid("The certificate request is not a PKCS#10 request of an ECDSA P-256 key, signed by it.");
        var known = database.Read(sql => sql.QuerySingle<Digest>("SELECT key_sha256 FROM agents WHERE node = @Node", new { caller.Node }));
        if (known != key.Digest)
            throw Problems.Conflict("other-key", "A certificate can be renewed for the key that it has, and for no other.", "A new key needs a new boot.");
        using var certificate = authority.IssueAgent(key, caller.Node);
        return new AgentCertificate(certificate.ExportCertificatePem(), time.GetUtcNow());
    }

    private Enrolled Enrol(WriteTransaction tx, AgentEnrol ask, AgentKey key)
    {
        var token = BootTokens.Find(tx.Sql, ask.Token ?? "", tx.Now);
        if (token is null || !(ask.Macs ?? []).Any(mac => token.Mac.Equals(mac, StringComparison.OrdinalIgnoreCase)) || (token.Uuid is { } uuid && ask.SmbiosUuid is { } own && uuid != own.ToString("D", CultureInfo.InvariantCulture)))
            throw new ProblemException(Problems.Of(StatusCodes.Status403Forbidden, "bad-token", "The one-time token is unknown, has ended, or was given to another machine.", "Netboot the node again; a token lives ten minutes."));
        var node = NodeTable.ById(tx.Sql, token.Node);
        if (token.KeySha256 == key.Digest)
            return new Enrolled(node, token);
        if (token.KeySha256 is not null)
        {
            // Not thrown here: the quarantine must be committed.
            Quarantine(tx, node);
            if (node.State == NodeState.Pending)
                return new Enrolled(node, null, Problems.Conflict("token-used", $"The one-time token of pending node {node.Name} was used before, with another key.", "Two machines hold one token, so neither is believed, and the node is forgotten: boot it from the network again."));
            return new Enrolled(node, null, Problems.Conflict("token-used", $"The one-time token of node {node.Name} was used before, with another key.", "Two machines hold one token, so neither is trusted any more: find out who else read it, then inspect or approve the node."));
        }
        if (node.State != NodeState.Pending && (node.CurrentJob is null || !Steps.WantsAgentBooted(JobTable.Get(tx.Sql, node.CurrentJob).Step)))
            throw Problems.Conflict("not-awaited", $"No job of node {node.Name} waits for its agent.", "Start one: 'conductor node inspect' or 'conductor deploy'.");

        using var certificate = authority.IssueAgent(key, node.Id);
        var bootId = Guid.CreateVersion7(tx.Now).ToString();
        var used = token with { KeySha256 = key.Digest, BootId = bootId, Certificate = certificate.ExportCertificatePem() };
        BootTokens.Use(tx, token, key.Digest, bootId, used.Certificate);
        AgentTable.Enrol(tx, node.Id, bootId, key.Digest, token.Pinned, ask.AgentVersion ?? "unknown");
        JobTable.Wake(tx, node.Id);
        tx.Append(EventKinds.NodeSeen, node.Id, node.CurrentJob, text: $"agent {ask.AgentVersion} enrolled");
        return new Enrolled(node, used);
    }

    /// <summary>Whoever came first may be the thief: his certificate is void, his work is not gone on with, and only an operator lets the node go on.</summary>
    private static void Quarantine(WriteTransaction tx, NodeRow node)
    {
        tx.Append(EventKinds.Alarm, node.Id, node.CurrentJob, text: "Somebody tried to enrol with the node's used token and another key.");
        AgentTable.Forget(tx, node.Id);
        if (node.State == NodeState.Pending)
            NodeTable.Remove(tx, node);
        if (Moves.Next(node.State, Move.Alarm) is not null)
            NodeTable.Move(tx, node, Move.Alarm, node.CurrentJob, TwoKeys);
        if (node.CurrentJob is { } job)
            JobTable.Finish(tx, JobTable.Get(tx.Sql, job), JobOutcome.Failed, TwoKeys, FailureCodes.Alarm);
    }

    [LoggerMessage(3001, LogLevel.Information, "Node {Node}: agent enrolled, boot {Boot}")]
    private partial void LogEnrolled(string node, string boot);

    [LoggerMessage(3002, LogLevel.Critical, "ALARM: node {Node}: its used one-time token was presented again with another key ({Key}); what enrolled with it is shut out")]
    private partial void LogStolenToken(string node, Digest key);

    private sealed record Enrolled(NodeRow Node, BootTokenRow? Token, ProblemException? Stolen = null);
}
