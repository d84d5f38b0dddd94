using System.Net;
using System.Net.Sockets;
using System.Text;
using Baremetal.Metadata;
using Baremetal.Support;
using Baremetal.VmRunner.Supervisor.Metadata;

namespace Baremetal.VmRunner.Tests.Supervisor.Metadata;

public sealed class MetadataServerTests
{
    private static readonly TimeSpan _bound = TimeSpan.FromMinutes(2);

    private static readonly GuestMetadata _metadata = new(new InstanceMetadata("i-1", "web", ["ssh-ed25519 AAAA a", "ssh-rsa BBBB b"]), "#!/bin/sh\n"u8.ToArray(), "{}"u8.ToArray(), "{}"u8.ToArray());

    private readonly MetadataServer _server = new(new MetadataTree(_metadata, TestLink.Usual), _bound);

    [Theory]
    [InlineData("/", "1.0\n2007-01-19\n2007-03-01\n2007-08-29\n2007-10-10\n2007-12-15\n2008-02-01\n2008-09-01\n2009-04-04\nlatest\nopenstack")]
    [InlineData("/latest", "meta-data/\nuser-data")]
    [InlineData("/latest/", "meta-data/\nuser-data")]
    [InlineData("/latest/meta-data", "hostname\ninstance-id\nlocal-hostname\nlocal-ipv4\nmac\npublic-keys/")]
    [InlineData("/2009-04-04/meta-data/", "hostname\ninstance-id\nlocal-hostname\nlocal-ipv4\nmac\npublic-keys/")]
    [InlineData("/latest/meta-data/instance-id", "i-1")]
    [InlineData("/1.0/meta-data/instance-id", "i-1")]
    [InlineData("//latest//meta-data//hostname", "web")]
    [InlineData("/latest/meta-data/local-hostname?x=1", "web")]
    [InlineData("/latest/meta-data/local-ipv4", "10.88.0.7")]
    [InlineData("/latest/meta-data/mac", "52:54:00:aa:bb:01")]
    [InlineData("/latest/meta-data/public-keys", "0=key-0\n1=key-1")]
    [InlineData("/latest/meta-data/public-keys/", "0=key-0\n1=key-1")]
    [InlineData("/latest/meta-data/public-keys/1", "openssh-key")]
    [InlineData("/latest/meta-data/public-keys/0/openssh-key", "ssh-ed25519 AAAA a")]
    [InlineData("/latest/meta-data/public-keys/1/openssh-key", "ssh-rsa BBBB b")]
    [InlineData("/latest/user-data", "#!/bin/sh\n")]
    [InlineData("/openstack", "2012-08-10\n2013-04-04\n2013-10-17\n2015-10-15\n2016-06-30\n2016-10-06\n2017-02-22\n2018-08-27\n2020-10-14\nlatest")]
    [InlineData("/openstack/latest", "meta_data.json\nnetwork_data.json\nuser_data\nvendor_data.json")]
    [InlineData("/openstack/2018-08-27/user_data", "#!/bin/sh\n")]
    [InlineData("/openstack/latest/meta_data.json", """{"uuid":"i-1","hostname":"web","name":"web","public_keys":{"key-0":"ssh-ed25519 AAAA a","key-1":"ssh-rsa BBBB b"}}""")]
    [InlineData("/openstack/latest/network_data.json", "{}")]
    [InlineData("/openstack/latest/vendor_data.json", "{}")]
    public void Get_WhatIsThere_IsToldIt(string path, string body)
    {
        var response = Ask($"GET {path} HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n");

        Assert.Equal(("200 OK", body), (response.Status, Encoding.UTF8.GetString(response.Body)));
    }

    [Theory]
    [InlineData("GET /latest/meta-data/nothing HTTP/1.1\r\n\r\n", "404 Not Found")]
    [InlineData("GET /latest/meta-data/public-keys/2/openssh-key HTTP/1.1\r\n\r\n", "404 Not Found")]
    [InlineData("GET /2031-01-01/meta-data/ HTTP/1.1\r\n\r\n", "404 Not Found")]
    [InlineData("GET /openstack/2031-01-01/meta_data.json HTTP/1.1\r\n\r\n", "404 Not Found")]
    [InlineData("GET /latest/../etc/passwd HTTP/1.1\r\n\r\n", "404 Not Found")]
    [InlineData("POST /latest/meta-data/ HTTP/1.1\r\n\r\n", "405 Method Not Allowed")]
    [InlineData("PUT /latest/meta-data/ HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "405 Method Not Allowed")]
    [InlineData("GET /latest/api/token HTTP/1.1\r\n\r\n", "405 Method Not Allowed")]
    [InlineData("PUT /latest/api/token HTTP/1.1\r\n\r\n", "400 Bad Request")]
    [InlineData("PUT /latest/api/token HTTP/1.1\r\nX-aws-ec2-metadata-token-ttl-seconds: 0\r\n\r\n", "400 Bad Request")]
    [InlineData("PUT /latest/api/token HTTP/1.1\r\nX-aws-ec2-metadata-token-ttl-seconds: 21601\r\n\r\n", "400 Bad Request")]
    [InlineData("PUT /latest/api/token HTTP/1.1\r\nX-aws-ec2-metadata-token-ttl-seconds: 21600\r\n\r\n", "200 OK")]
    [InlineData("PUT /latest/api/token HTTP/1.1\r\nx-aws-ec2-metadata-token-ttl-seconds: 60\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n", "403 Forbidden")]
    [InlineData("GET /latest/ HTTP/1.1\r\nx-forwarded-for: 1.2.3.4\r\n\r\n", "403 Forbidden")]
    [InlineData("GET /latest/ HTTP/1.1\r\nContent-Length: 3\r\n\r\n", "400 Bad Request")]
    [InlineData("GET /latest/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "400 Bad Request")]
    [InlineData("GET /latest/ HTTP/1.1\r\nX-aws-ec2-metadata-token: anything\r\n\r\n", "200 OK")]
    public void Ask_AnythingElse_IsRefusedByItsStatus(string request, string status) => Assert.Equal(status, Ask(request).Status);

    [Theory]
    [InlineData("GET /", "Partial")]
    [InlineData("GET / HTTP/1.1\r\nHost: x\r\n", "Partial")]
    [InlineData("GET / HTTP/2.0\r\n\r\n", "OtherVersion")]
    [InlineData("\r\n\r\n", "Malformed")]
    [InlineData("GET /\r\n\r\n", "Malformed")]
    [InlineData("GET  / HTTP/1.1\r\n\r\n", "Malformed")]
    [InlineData("GET http://169.254.169.254/ HTTP/1.1\r\n\r\n", "Malformed")]
    [InlineData("GET / HTTP/1.1\r\nHost : x\r\n\r\n", "Malformed")]
    [InlineData("GET / HTTP/1.1\r\n: x\r\n\r\n", "Malformed")]
    [InlineData("GET / HTTP/1.1\r\n folded\r\n\r\n", "Malformed")]
    [InlineData("GET / HTTP/1.1\r\nA: b\nX-Forwarded-For: c\r\n\r\n", "Malformed")]
    [InlineData("GET /\0 HTTP/1.1\r\n\r\n", "Malformed")]
    [InlineData("GET /\u00ff HTTP/1.1\r\n\r\n", "Malformed")]
    public void Parse_WhatIsNoRequest_SaysWhy(string bytes, string head)
    {
        Assert.Equal(head, HttpRequest.Parse(Encoding.Latin1.GetBytes(bytes), out var request).ToString());
        Assert.Null(request);
    }

    [Fact]
    public void Parse_Anything_IsBounded()
    {
        byte[][] seeds =
        [
            "GET /latest/meta-data/ HTTP/1.1\r\nHost: 169.254.169.254\r\nUser-Agent: curl\r\n\r\n"u8.ToArray(),
            "PUT /latest/api/token HTTP/1.1\r\nX-aws-ec2-metadata-token-ttl-seconds: 60\r\nContent-Length: 0\r\n\r\n"u8.ToArray(),
        ];
        var seed = Random.Shared.Next();
        var (random, mutator) = (new Random(seed), new Mutator(seed));

        var accepted = Fuzz.Run("metadata-request", () => seeds[random.Next(seeds.Length)] is var one ? mutator.Mutate(one, 0..one.Length) : [], bytes =>
        {
            if (HttpRequest.Parse(bytes, out var request) != HttpHead.Complete)
                return false;
            _ = _server.Answer(request!).ToBytes(withBody: true);
            return true;
        });

        Assert.InRange(accepted, 1, Fuzz.Cases() - 1);
    }

    [Fact]
    public async Task Serve_OverTcp_AnswersInPiecesOrAtOnce()
    {
        await using var served = new Served(_server);

        Assert.Equal("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nweb", await served.AskAsync("GET /latest/meta-data/hostname HTTP/1.0\r\n\r\n"));
        Assert.EndsWith("\r\n\r\nweb", await served.AskAsync("GET /latest/met", "a-data/hostname HTTP/1.1\r\nHost: x\r\n", "\r\n"), StringComparison.Ordinal);
        Assert.Equal("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\n", await served.AskAsync("HEAD /latest/meta-data/hostname HTTP/1.1\r\n\r\n"));
        Assert.StartsWith("HTTP/1.1 400 ", await served.AskAsync("\u0016\u0003\u0001\r\n\r\n"), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 431 ", await served.AskAsync("GET / HTTP/1.1\r\nX: " + new string('x', HttpRequest.MostBytes)), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 400 ", await served.AskAsync("GET / HTTP/1.1\r\nContent-Length: 32768\r\n\r\n" + new string('x', 32768)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Serve_AGuestThatSaysNothing_LetsItGo()
    {
        await using var served = new Served(new MetadataServer(new MetadataTree(_metadata, TestLink.Usual), TimeSpan.FromMilliseconds(50)));
        var silent = new List<Socket>();
        for (var i = 0; i < MetadataServer.MostConnections; i++)
            silent.Add(await served.ConnectAsync());

        foreach (var one in silent)
        {
            Assert.Equal(0, await one.ReceiveAsync(new byte[1]).WaitAsync(_bound, TestContext.Current.CancellationToken));
            one.Dispose();
        }
    }

    [Fact]
    public async Task Serve_MoreConnectionsThanItHas_KeepsTheRestWaiting()
    {
        await using var served = new Served(_server);
        var silent = new List<Socket>();
        for (var i = 0; i < MetadataServer.MostConnections; i++)
            silent.Add(await served.ConnectAsync());

        var late = served.AskAsync("GET /latest/meta-data/hostname HTTP/1.1\r\n\r\n");
        Assert.False(late.IsCompleted);
        silent[0].Dispose();

        Assert.EndsWith("web", await late.WaitAsync(_bound, TestContext.Current.CancellationToken), StringComparison.Ordinal);
        silent.ForEach(one => one.Dispose());
    }

    private HttpResponse Ask(string bytes)
    {
        Assert.Equal(HttpHead.Complete, HttpRequest.Parse(Encoding.ASCII.GetBytes(bytes), out var request));
        return _server.Answer(request!);
    }

    private sealed class Served : IAsyncDisposable
    {
        private readonly Socket _door = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        private readonly CancellationTokenSource _stop = new();
        private readonly Task _serving;

        public Served(MetadataServer server)
        {
            _door.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            _door.Listen(MetadataServer.MostConnections);
            _serving = server.ServeAsync(_door, _stop.Token);
        }

        public async Task<Socket> ConnectAsync()
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync(_door.LocalEndPoint!, TestContext.Current.CancellationToken);
            return socket;
        }

        public async Task<string> AskAsync(params string[] pieces)
        {
            using var socket = await ConnectAsync();
            foreach (var piece in pieces)
                await socket.SendAsync(Encoding.Latin1.GetBytes(piece));
            var (answer, buffer) = (new StringBuilder(), new byte[4096]);
            int read;
            while ((read = await socket.ReceiveAsync(buffer).WaitAsync(_bound, TestContext.Current.CancellationToken)) > 0)
                answer.Append(Encoding.UTF8.GetString(buffer, 0, read));
            return answer.ToString();
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _serving.WaitAsync(_bound);
            _door.Dispose();
            _stop.Dispose();
        }
    }
}
