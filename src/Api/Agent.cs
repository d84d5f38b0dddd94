namespace Baremetal.Api;

/// <summary>
/// <c>POST /v1/agent/enrol</c>: a PKCS#10 request (DER, base64) and the one-time token of the boot script. The same token with the same key
/// gets the same certificate again; with another key 409.
/// </summary>
public sealed record AgentEnrol(string Csr, string Token, string[] Macs, Guid? SmbiosUuid, string? Serial, string AgentVersion);

/// <summary>
/// The agent's identity for this boot. <paramref name="ServerTime"/> is the only clock that the agent trusts; <paramref name="Blobs"/> are
/// base URLs that the source and the indexes can be had from, by digest; they need no trust.
/// </summary>
public sealed record AgentIdentity(string NodeId, string NodeName, string BootId, string Certificate, DateTimeOffset ServerTime, string[] Blobs);

/// <summary><c>POST /v1/agent/renew</c>, with the certificate that is about to end.</summary>
public sealed record AgentRenew(string Csr);

public sealed record AgentCertificate(string Certificate, DateTimeOffset ServerTime);

/// <summary><c>GET /v1/agent/trust?from=N</c>: the envelopes of the trust documents N+1 and later, in order, each base64.</summary>
public sealed record TrustChain(string[] Envelopes);

/// <summary><c>POST /v1/agent/heartbeat</c>, every few seconds, with the progress of the step that runs.</summary>
public sealed record AgentHeartbeat(string BootId, string? OrderId, string? Step, Progress? Progress, long PeakMemoryBytes);

/// <summary>What the agent should do about it. <paramref name="OrderWaiting"/>: ask for the order now. <paramref name="Abort"/>: stop the order that runs.</summary>
public sealed record HeartbeatAnswer(DateTimeOffset ServerTime, bool OrderWaiting, bool Abort);

/// <summary><c>POST /v1/agent/order</c>: 200 with the DSSE envelope of the signed order, or 204. The nonce (32 bytes, hex) is new for each start of the agent.</summary>
public sealed record AskOrder(string AgentNonce);

/// <summary>
/// <c>POST /v1/agent/orders/{order}/steps</c>: told until it is acknowledged; telling it twice does no harm. <paramref name="Erased"/> are disks that
/// are through, told as each is: what they say replaces what was said of the same disk. A rescue tells its SSH server's public key.
/// <paramref name="Code"/> is one of <see cref="FailureCodes"/>, where the agent knows more than which step failed.
/// </summary>
public sealed record StepReport(
    string BootId,
    string AgentNonce,
    string Step,
    StepOutcome Outcome,
    string? Cause,
    WriteResult? Result,
    ErasedDisk[]? Erased = null,
    string? HostKey = null,
    string? Code = null)
{
    /// <summary>Of a cause, in characters; what is longer is cut.</summary>
    public const int LongestCause = 4096;
}

/// <summary>
/// <c>POST /v1/agent/log</c>: what the agent, its kernel and its disks say, told before a failure is reported, and by an agent whose predecessor crashed.
/// It is kept with the job that works on the node.
/// </summary>
public sealed record AgentLogText(string Text)
{
    /// <summary>In characters.</summary>
    public const int Longest = 256 << 10;
}

public enum StepOutcome
{
    Started,
    Done,
    Failed,
}

/// <summary>The steps that an order can name, in the order in which a deploy runs them.</summary>
public static class OrderSteps
{
    public const string WriteImage = "write-image";
    /// <summary>Only where a deploy asks for it.</summary>
    public const string RemoveConfigDrives = "remove-config-drives";

    public const string SetBootDisk = "set-boot-disk";
    public const string Reboot = "reboot";

    /// <summary>Of a cleaning, whose only one it is.</summary>
    public const string Erase = "erase";

    /// <summary>Of a rescue; the reboot comes after it.</summary>
    public const string Rescue = "rescue";
}
