namespace Baremetal.Netboot.Tests;

public sealed class NetbootOptionsTests
{
    private static readonly DhcpServerOptions Server = new() { First = Ipv4.Parse("10.0.0.100"), Last = Ipv4.Parse("10.0.0.200"), LeaseFile = "/tmp/leases" };
    private static readonly NetbootOptions Good = new() { Dhcp = DhcpMode.Server, Interface = "eth1", Server = Server };

    [Fact]
    public void Faults_GoodOptions_HasNone() => Assert.Empty(Good.Faults());

    [Fact]
    public void Faults_Off_AsksForNothing() => Assert.Empty(new NetbootOptions().Faults());

    [Fact]
    public void Faults_EverythingWrong_NamesAllAtOnce()
    {
        var mac = Fixtures.Parse("52:54:00:00:00:01");
        var other = Fixtures.Parse("52:54:00:00:00:02");
        var options = new NetbootOptions
        {
            Dhcp = DhcpMode.Server,
            Interface = "no/such interface",
            HttpBase = "https://x/y",
            LoaderFolder = "/nowhere/at/all",
            Tftp = new TftpOptions { FirstPort = 80, LastPort = 70, MaximumSessions = 0 },
            Server = Server with
            {
                First = Ipv4.Parse("10.0.0.9"),
                Last = Ipv4.Parse("10.0.0.1"),
                PrefixLength = 31,
                LeaseTime = TimeSpan.FromSeconds(1),
                ProbeTime = TimeSpan.Zero,
                DnsServers = [.. Enumerable.Repeat(Ipv4.None, 9)],
                Reservations = new Dictionary<MacAddress, Ipv4> { [mac] = Server.First, [other] = Server.First },
                LeaseFile = "/nowhere/leases",
            },
        };

        var faults = options.Faults();

        foreach (var subject in new[] { "no/such interface", "https://x/y", "/nowhere/at/all", "10.0.0.9 to 10.0.0.1", "31", "lease time", "probe time", "9 name servers", "reserved for 52:54:00:00:00:01 and 52:54:00:00:00:02", "/nowhere/leases", "80 to 70", "session limits" })
            Assert.Single(faults, fault => fault.Contains(subject, StringComparison.Ordinal));
        Assert.Equal(12, faults.Count);
    }

    [Fact]
    public void Faults_ServerWithoutPool_NamesIt() => Assert.Contains("pool", Assert.Single((Good with { Server = null }).Faults()), StringComparison.Ordinal);

    [Theory]
    [InlineData("http://10.0.0.1:8080")]
    [InlineData("http://conductor.example")]
    public void Faults_HttpBase_Plain_IsTaken(string text) => Assert.Empty((Good with { HttpBase = text }).Faults());

    [Theory]
    [InlineData("http://10.0.0.1:8080/")]
    [InlineData("http://10.0.0.1:8080/x?y=1")]
    [InlineData("http://user@10.0.0.1")]
    [InlineData("http://10.0.0.1:8080\n#!ipxe")]
    [InlineData("http://a b")]
    [InlineData("http://${net0/mac}")]
    [InlineData("ftp://10.0.0.1")]
    public void Faults_HttpBase_AnythingElse_IsRefused(string text) => Assert.Single((Good with { HttpBase = text }).Faults());
}
