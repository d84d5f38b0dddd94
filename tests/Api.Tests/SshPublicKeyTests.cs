namespace Baremetal.Api.Tests;

public sealed class SshPublicKeyTests
{
    // Made by ssh-keygen; those of hardware tokens put together as PROTOCOL.u2f has them.
    private const string Ed25519 = "AAAAC3NzaC1lZDI1NTE5AAAAID6/eGsSEgXGxmZa8/YeiDGQcDAUea9iqfOoqfs2AZfp";

    [Theory]
    [InlineData("ssh-ed25519 " + Ed25519)]
    [InlineData("  ssh-ed25519\t" + Ed25519 + " me@here, with more words ")]
    [InlineData("restrict,command=\"echo \\\"a b\\\"\",from=\"10.0.0.0/8\" ssh-ed25519 " + Ed25519 + " me")]
    [InlineData("ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBPsGd60MB7zaoPmDIBWRSQt0VaDpo8WRNbhMXET2dcPZUVp4mqNJg+LJ+aTmynwXvw4SA4Dr3w+lthxYkGdXI+A= me@here")]
    [InlineData("ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAFim6VjBsHYMivC6KWick8O/aH/d/9GqdZETFFP9gtJEUmEcdbtdAR2VNPFdPKP062sn2bUpuo9Ut79Tfy+fwRb+AAq1a+GPQ8RnbuInjQgwBn2zhSeg6rd+DgClKB0hFMdE0tJkkOHcElM9slrxeq1nasRW8bMxTYh1MMq1cDaYxRdDg== x")]
    [InlineData("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQCvGTJ27fcqlDCfzwq15RiK1LpUN3j8BG9igOlNXg5XvHVu2tn0gfSe/WICDQbbo+tq+O2aAJSQtHonWKt99sLH4dO1uX4LENLgLt8dm4GxFABtEyXzQI+w2/TvZNRw7C59U22g3rPXLOei5rBxJt/xPo8RMUiAbMePXxhUG7t63DBgGTT95j6T2yJHQ4JC/IJv5yShmy90lSEQXkgceYnQC29lDMYA8syzkFR1kKo0KGu1I+HgQdRPgTgRa3ZB0JW1fy5+I4cHLsISnKcKP1y9SgrzikKb1XDxlP6LFheEqBLI8938q2ERzTzE3cCQmHCHy3z7tZtjYFqXBufzRnbwXXNwJ+HnUqZCv9BHBQ9LRAugMuwwcC5x04tYn07N5vnuh8yQT5npSDd0DazzTzswQLfNpOGsL8ozMXB2DN17sldMWE0TITeZvmL7iM9exQ6h+iFEbylnI55j5/83RjQEBb4Tk6h4Rqchu10dnRabvkxPW4K7LuzazGACJAXV8m8= me@here")]
    [InlineData("sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fAAAABHNzaDo= token")]
    [InlineData("sk-ecdsa-sha2-nistp256@openssh.com AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20AAAAIbmlzdHAyNTYAAABBBAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEc3NoOg==")]
    public void Key_AsItIsInAuthorizedKeys_IsTaken(string line) => Assert.True(SshPublicKey.TryCheck(line, out var cause), cause);

    [Theory]
    [InlineData("root:x:0:0:root:/root:/bin/bash", "no type")]
    [InlineData("", "no type")]
    [InlineData("no-pty", "no type")]
    [InlineData("command=\"echo ssh-ed25519 " + Ed25519, "no type")]
    [InlineData("ssh-dss AAAAB3NzaC1kc3M=", "no type")]
    [InlineData("ssh-ed25519", "not base64")]
    [InlineData("ssh-ed25519 me@here", "not base64")]
    [InlineData("ssh-ed25519 AAAA", "no such key")]
    [InlineData("ssh-rsa " + Ed25519, "no such key")]
    [InlineData("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID6/eGsSEgXGxmZa8/YeiDGQcDAUea9iqfOo", "cut off")]
    [InlineData("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID6/eGsSEgXGxmZa8/YeiDGQcDAUea9iqfOoqfs2AZfpYWJj", "too many")]
    public void Key_ThatLetsNobodyIn_IsRefusedWithItsCause(string line, string why)
    {
        Assert.False(SshPublicKey.TryCheck(line, out var cause));
        Assert.Contains(why, cause, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" \t")]
    [InlineData("# ssh-ed25519 " + Ed25519)]
    public void Line_ThatIsNoKey_IsKnown(string line) => Assert.True(SshPublicKey.IsCommentOrEmpty(line));
}
