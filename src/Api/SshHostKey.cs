namespace Baremetal.Api;

/// <summary>A host key that a system told of itself: its line without the comment, and what <c>ssh</c> shows of it at the first login.</summary>
public sealed record SshHostKey(string PublicKey, string Fingerprint);
