using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Baremetal.Lab.Bmc;

/// <summary>
/// A BMC that speaks IPMI 2.0 over LAN: OpenIPMI's <c>ipmi_sim</c>, whose hook for chassis control asks back over a socket in the lab's folder.
/// It has no cipher suite newer than 3, and of the boot flags it keeps the device alone.
/// </summary>
public sealed class IpmiBmc : IAsyncDisposable
{
    /// <summary>IPMI's own; a second BMC at the same address takes the next.</summary>
    public const int FirstPort = 623;

    // It opens its port in milliseconds; a busy machine may need more.
    private static readonly TimeSpan StartBound = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan PingPace = TimeSpan.FromMilliseconds(50);

    /// <summary>RMCP presence ping (DSP0136 §3.2.4.2).</summary>
    private static readonly byte[] Ping = [0x06, 0x00, 0xff, 0x06, 0x00, 0x00, 0x11, 0xbe, 0x80, 0x00, 0x00, 0x00];

    /// <summary>Boot devices by the names that the hook knows.</summary>
    private static readonly Dictionary<string, BootTarget> Devices = new() { ["none"] = BootTarget.None, ["pxe"] = BootTarget.Network, ["default"] = BootTarget.Disk };

    private readonly WebApplication hook;

    private IpmiBmc(IPEndPoint address, IChassis chassis, string socket)
    {
        Address = address;
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton<IHostLifetime, LabLifetime>();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(options => options.ListenUnixSocket(socket));
        hook = builder.Build();
        hook.Run(context => AnswerAsync(context, chassis));
    }

    public IPEndPoint Address { get; }

    /// <summary>With every message that it takes and sends, in hexadecimal. A signal stops or ends it as a BMC that hangs or dies.</summary>
    public LabProcess Process { get; private set; } = null!;

    /// <summary>Starts it, and waits until it answers.</summary>
    /// <param name="folder">For its files; made here.</param>
    /// <param name="host">Where it runs; null: on this machine itself, which is for loopback alone.</param>
    public static async Task<IpmiBmc> StartAsync(IPEndPoint address, string user, string password, IChassis chassis, string folder, LanHost? host, CancellationToken cancellationToken = default)
    {
        Directory.CreateDirectory(Path.Combine(folder, "state"));
        var socket = Path.Combine(folder, "chassis.sock");
        var program = Path.Combine(folder, "chassis");
        await File.WriteAllTextAsync(program, $"#!/bin/sh\nexec curl --silent --show-error --fail --max-time 10 --unix-socket {socket} \"http://bmc/$1/$2/$3\"\n", cancellationToken);
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await File.WriteAllTextAsync(Path.Combine(folder, "lan.conf"), Configuration(address, user, password, program), cancellationToken);
        // One management controller, as in OpenIPMI's own example; the last line has messages shown.
        await File.WriteAllTextAsync(Path.Combine(folder, "bmc.emu"), "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\nmc_enable 0x20\ndebug msg\n", cancellationToken);

        var bmc = new IpmiBmc(address, chassis, socket);
        try
        {
            await bmc.hook.StartAsync(cancellationToken);
            // Its console ends with its input, and it with its console.
            string[] command = ["stdbuf", "-oL", "ipmi_sim", "-c", Path.Combine(folder, "lan.conf"), "-f", Path.Combine(folder, "bmc.emu"), "-s", Path.Combine(folder, "state")];
            var log = Path.Combine(folder, "ipmi_sim.log");
            bmc.Process = host is null
                ? LabProcess.Start("ipmi_sim", command, log, onLine: null, environment: null, holdInput: true)
                : host.Launch("ipmi_sim", command, log, holdInput: true);
            await bmc.WaitAsync(host, cancellationToken);
            return bmc;
        }
        catch
        {
            await bmc.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Process is not null)
            await Process.DisposeAsync();
        await hook.DisposeAsync();
    }

    // Every privilege and authentication is allowed: who may what is not what a lab's BMC is for.
    private static string Configuration(IPEndPoint address, string user, string password, string program) => $"""
        name "bmc"
        set_working_mc 0x20
          startlan 1
            addr {address.Address} {address.Port.ToString(CultureInfo.InvariantCulture)}
            priv_limit admin
            allowed_auths_callback none md2 md5 straight
            allowed_auths_user none md2 md5 straight
            allowed_auths_operator none md2 md5 straight
            allowed_auths_admin none md2 md5 straight
            guid a123456789abcdefa123456789abcdef
          endlan
          chassis_control "{program}"
          user 2 true "{user}" "{password}" admin 10 none md2 md5 straight

        """;

    /// <summary>The hook's words are those of OpenIPMI's <c>lanserv/ipmi_sim_chassiscontrol</c>.</summary>
    private static Task AnswerAsync(HttpContext context, IChassis chassis)
    {
        switch (context.Request.Path.Value!.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            case ["get", "power"]:
                return context.Response.WriteAsync($"power:{(chassis.IsOn ? 1 : 0)}\n");
            case ["get", "boot"]:
                return context.Response.WriteAsync($"boot:{Devices.First(device => device.Value == chassis.NextBoot).Key}\n");
            case ["set", "power", var value]:
                chassis.Switch(value == "1");
                break;
            case ["set", "reset", "1"]:
                chassis.Reset();
                break;
            case ["set", "boot", var device] when Devices.TryGetValue(device, out var target):
                chassis.NextBoot = target;
                break;
            default:
                context.Response.StatusCode = StatusCodes.Status404NotFound;
                break;
        }
        return Task.CompletedTask;
    }

    private async Task WaitAsync(LanHost? host, CancellationToken cancellationToken)
    {
        using var socket = host is null
            ? new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp)
            : host.CreateSocket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        // Not connected: a port that is not open yet would then be an error of the socket.
        socket.Bind(new IPEndPoint(IPAddress.Any, 0));
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        bounded.CancelAfter(StartBound);
        try
        {
            var answer = socket.ReceiveFromAsync(new byte[64], Address, bounded.Token).AsTask();
            while (!answer.IsCompleted)
            {
                if (Process.HasExited)
                    throw new InvalidOperationException($"ipmi_sim ended while it started. What it said is in {Process.Output.Path}.");
                await socket.SendToAsync(Ping, Address, bounded.Token);
                await Task.WhenAny(answer, Task.Delay(PingPace, bounded.Token));
            }
            await answer;
        }
        catch (OperationCanceledException late) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"ipmi_sim did not answer a ping at {Address} within {StartBound.TotalSeconds:0} s. What it said is in {Process.Output.Path}.", late);
        }
    }
}
