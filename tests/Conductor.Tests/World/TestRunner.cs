using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Baremetal.Api;
using Baremetal.Api.Client;

namespace Baremetal.Conductor.Tests.World;

/// <summary>A runner that makes the real calls over mutual TLS; only its machine and its VMs are missing.</summary>
internal sealed class TestRunner(TestConductor conductor) : IDisposable
{
    /// <summary>Of a registry that nobody asks.</summary>
    public const string Image = "registry.example/team/web:1";

    public static readonly RunnerCapacity Capacity = new(8, 4096, 100L << 30, 60L << 30, "kvm", "podman 5.4.2", ["baremetal", "lan"]);

    public static readonly PreflightCheck[] AllWell = [new("kvm", true, "/dev/kvm makes VMs."), new("engine", true, "podman 5.4.2 runs containers.")];

    private static readonly CancellationToken None = CancellationToken.None;

    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly List<IDisposable> _used = [];
    private RunnerClient? _client;

    public RunnerIdentity? Identity { get; private set; }

    public RunnerClient Client => _client ?? throw new InvalidOperationException("the runner has not joined");

    /// <summary>With a token of an operator, and a first report that it is ready.</summary>
    public static async Task<TestRunner> StartAsync(TestConductor conductor, string name = "kvm1", RunnerCapacity? capacity = null)
    {
        var runner = new TestRunner(conductor);
        var token = await conductor.Operator.MakeRunnerTokenAsync(new NewRunnerToken(name), None);
        await runner.JoinAsync(token.Token);
        await runner.ReportAsync(0, capacity: capacity);
        return runner;
    }

    public async Task<RunnerIdentity> JoinAsync(string token, ECDsa? key = null, string hostName = "host1.example")
    {
        var identity = await Connect(null).JoinAsync(new RunnerJoin(TestAgent.Csr(key ?? _key), token, hostName, "test"), Retry.Never, None);
        if (key is null)
        {
            Identity = identity;
            _client = Connect(CertificateOf(identity.Certificate));
        }
        return identity;
    }

    public Task ReportAsync(long revision, params VmReport[] vms) => ReportAsync(revision, AllWell, vms: vms);

    public Task ReportAsync(long revision, PreflightCheck[]? preflight = null, RunnerCapacity? capacity = null, VmReport[]? vms = null) =>
        Client.ReportAsync(new RunnerReport("test", revision, capacity ?? Capacity, preflight ?? AllWell, vms ?? []), None);

    /// <summary>All that it shall have now.</summary>
    public async Task<RunnerOrders> OrdersAsync() => await Client.AskOrdersAsync(-1, None) ?? throw new InvalidOperationException("there are no orders");

    /// <summary>Takes the orders up, and says that each VM is as it shall be.</summary>
    public async Task ObeyAsync()
    {
        var orders = await OrdersAsync();
        await ReportAsync(orders.Revision, [.. orders.Vms.Select(vm => new VmReport(
            vm.Id, vm.Run, vm.Target == VmTarget.Running ? VmState.Running : VmState.Stopped, conductor.Clock.GetUtcNow(), Address: "10.88.0.7", Mac: "52:54:00:aa:bb:01", Accelerator: "kvm",
            IsGone: vm.Target == VmTarget.Deleted))]);
    }

    /// <summary>Waits for the stream that somebody asks for, and takes it.</summary>
    public async Task<(StreamOrder Order, WebSocket Socket)> TakeStreamAsync()
    {
        var order = await NextStreamAsync();
        var socket = await Client.OpenStreamAsync(order.Id, None);
        _used.Add(socket);
        return (order, socket);
    }

    public async Task<StreamOrder> NextStreamAsync()
    {
        var known = -1L;
        while (true)
        {
            if (await Until.DoneAsync(Client.AskOrdersAsync(known, None), "an order for a stream") is not { } orders)
                continue;
            known = orders.Revision;
            if (orders.Streams is [var one, ..])
                return one;
        }
    }

    public Task<RunnerCertificate> RenewAsync(ECDsa? key = null) => Client.RenewAsync(new RunnerRenew(TestAgent.Csr(key ?? _key)), None);

    /// <summary>The runner's calls with another certificate, and the same key.</summary>
    public RunnerClient With(string certificate) => Connect(CertificateOf(certificate));

    public X509Certificate2 CertificateOf(string pem)
    {
        using var bare = X509Certificate2.CreateFromPem(pem);
        var own = bare.CopyWithPrivateKey(_key);
        _used.Add(own);
        return own;
    }

    /// <summary>As a container engine wants them of a registry.</summary>
    public void WriteCertificates(string folder)
    {
        using var ca = conductor.Certificate();
        File.WriteAllText(Path.Combine(folder, "ca.crt"), ca.ExportCertificatePem());
        File.WriteAllText(Path.Combine(folder, "client.cert"), Identity!.Certificate);
        File.WriteAllText(Path.Combine(folder, "client.key"), _key.ExportPkcs8PrivateKeyPem());
    }

    /// <summary>Calls that are none of the wire's.</summary>
    public HttpClient Http()
    {
        var ca = conductor.Certificate();
        _used.Add(ca);
        return new HttpClient(PinnedHttp.Handler(ca, CertificateTimes.Enforced, CertificateOf(Identity!.Certificate))) { BaseAddress = conductor.TlsUrl };
    }

    public void Dispose()
    {
        _used.ForEach(one => one.Dispose());
        _key.Dispose();
    }

    private RunnerClient Connect(X509Certificate2? own)
    {
        var ca = conductor.Certificate();
        var client = new RunnerClient(conductor.TlsUrl, ca, own, TimeProvider.System);
        _used.Add(ca);
        _used.Add(client);
        return client;
    }
}
