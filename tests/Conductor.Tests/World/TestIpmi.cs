using System.Net;
using System.Net.Sockets;
using Baremetal.Api;
using Baremetal.Conductor.Power;
using Baremetal.Lab;
using Baremetal.Lab.Bmc;

namespace Baremetal.Conductor.Tests.World;

/// <summary>A BMC that is a real <c>ipmi_sim</c> on loopback, for a machine that is only told that it starts. What it does wrong, it is told to.</summary>
internal sealed class TestIpmi : IChassis, IAsyncDisposable
{
    public const string User = "ops";

    private readonly TempFolder _folder = new();
    private readonly Lock _gate = new();
    private readonly List<bool> _starts = [];
    private bool _on;
    private BootTarget _next;
    private IpmiBmc _bmc = null!;

    /// <summary>As long as it takes them from its configuration.</summary>
    public string Password { get; } = Guid.NewGuid().ToString("N")[..16];

    public IPEndPoint Address => _bmc.Address;

    /// <summary>It knows no newer cipher suite.</summary>
    public PowerSettings Power => new(PowerDrivers.Ipmi, $"ipmi://{Address}?cipher=3", User, Password);

    public LabProcess Process => _bmc.Process;

    /// <summary>Takes every order to switch, and does not.</summary>
    public bool Lies { get; set; }

    /// <summary>Takes every boot device, and forgets it.</summary>
    public bool Forgets { get; set; }

    /// <summary>Told of each order to switch before it is taken.</summary>
    public Action? Ordered { get; set; }

    /// <summary>Each start so far: whether from the network.</summary>
    public bool[] Starts
    {
        get
        {
            lock (_gate)
                return [.. _starts];
        }
    }

    public bool IsOn
    {
        get
        {
            lock (_gate)
                return _on;
        }
    }

    BootTarget IChassis.NextBoot
    {
        get => _next;
        set => _next = Forgets ? _next : value;
    }

    public static async Task<TestIpmi> StartAsync()
    {
        var ipmi = new TestIpmi();
        ipmi._bmc = await IpmiBmc.StartAsync(FreePort(), User, ipmi.Password, ipmi, Path.Combine(ipmi._folder.Path, "bmc"), host: null);
        return ipmi;
    }

    /// <summary>One on loopback where nobody listens.</summary>
    public static IPEndPoint FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return (IPEndPoint)socket.LocalEndPoint!;
    }

    void IChassis.Switch(bool on)
    {
        Ordered?.Invoke();
        lock (_gate)
        {
            if (Lies || _on == on)
                return;
            _on = on;
            if (on)
                Start();
        }
    }

    void IChassis.Reset()
    {
        lock (_gate)
            Start();
    }

    public async ValueTask DisposeAsync()
    {
        await _bmc.DisposeAsync();
        _folder.Dispose();
    }

    private void Start()
    {
        _starts.Add(_next == BootTarget.Network);
        _next = BootTarget.None;
    }
}
