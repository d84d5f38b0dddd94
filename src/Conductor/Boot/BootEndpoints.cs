using Baremetal.Api;
using Baremetal.Conductor.Certificates;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Discovery;
using Baremetal.Conductor.Events;
using Baremetal.Conductor.Images;
using Baremetal.Conductor.Nodes;
using Baremetal.Conductor.Settings;
using Baremetal.Netboot;
using Baremetal.Netboot.Boot;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Baremetal.Conductor.Boot;

/// <summary>The HTTP part of a netboot, in the order of a boot: loader, script, kernel, ramdisk.</summary>
internal sealed partial class BootEndpoints(
    IBootPolicy policy,
    PendingNodes pending,
    NodeSightings sightings,
    SightingAllowance allowance,
    IDatabase database,
    CertificateAuthority authority,
    TrustChainStore trust,
    NodeAddresses addresses,
    ConductorSettings settings,
    ILogger<BootEndpoints> logger)
{
    /// <summary>For firmware that loads by HTTP.</summary>
    public static IResult Loader(string file, NetbootServer netboot) => netboot.Loaders.TryGetValue(file, out var content)
        ? TypedResults.Bytes(content, "application/efi")
        : throw Problems.NotFound("loader", file, "Loaders are served while the DHCP service is on.");

    /// <summary>
    /// What this machine shall do now. The token is made here, and only here, while a job of the node waits for its agent; whoever asks at
    /// that moment gets one, which is why it proves so little (grade N1).
    /// </summary>
    public ContentHttpResult Script(string? mac = null, string? uuid = null, string? arch = null)
    {
        if (!BootUrls.TryReadScriptQuery(mac, uuid, arch, out var machine, out var error))
            throw Problems.Invalid($"The boot script's address is wrong: {error}.");
        var choice = policy.Choose(machine);
        var script = choice == BootChoice.Agent && AgentScript(machine) is { } agent ? agent : LocalScript(machine);
        LogScript(machine.Mac, machine.Architecture, choice);
        return TypedResults.Text(script, "text/plain");
    }

    public PhysicalFileHttpResult Kernel(HttpContext http) => AgentFile("vmlinuz", "kernel", http);

    public PhysicalFileHttpResult Ramdisk(HttpContext http) => AgentFile("initrd.img", "ramdisk", http);

    public static PhysicalFileHttpResult LocalBootLoader(ConductorSettings settings) => RamdiskFile(settings, "localboot.efi");

    /// <summary>For installed systems that become runners, which hold it against the digest that they were given.</summary>
    public static PhysicalFileHttpResult RunnerPackage(ConductorSettings settings) => File.Exists(settings.RunnerPackage)
        ? TypedResults.PhysicalFile(Path.GetFullPath(settings.RunnerPackage), "application/vnd.debian.binary-package", enableRangeProcessing: true)
        : throw Problems.NotFound("file", settings.RunnerPackage, "Build the package with packaging/baremetal-vm-runner/build.sh, or set runnerPackage.");

    public static ContentHttpResult CaCertificate(CertificateAuthority authority) => TypedResults.Text(authority.Pem, "application/x-pem-file");

    /// <summary>Null for a machine that is not ours, and for which there is no place.</summary>
    private string? AgentScript(Machine machine)
    {
        // Without trust documents an inspection works, and the agent takes no order.
        var pin = trust.TryGet(out var anchor, out _) ? anchor.Digest.ToString() : null;
        var (isOurs, token, network, own) = database.Write(tx =>
        {
            if ((NodeTable.ByMac(tx.Sql, machine.Mac.ToString()) ?? pending.Discover(tx, machine)) is not { } node)
                return (false, null, null, null);
            var issued = BootTokens.Issue(tx, node.Id, node.Mac, machine.Uuid, pinned: pin is not null);
            if (issued is not null && node.State != NodeState.Pending && allowance.TryTake(node.Id))
                tx.Append(EventKinds.NodeSeen, node.Id, node.CurrentJob, text: "iPXE fetches the agent");
            return (true, issued, RamdiskNetwork.Word(node.Network), node.KernelArguments);
        });
        if (!isOurs)
            return null;
        if (token is null)
        {
            throw new ProblemException(Problems.Of(StatusCodes.Status429TooManyRequests, "too-many",
                $"The boot script of {machine.Mac} was fetched {BootTokens.MostInAWindow} times within a minute.", "Try again in a minute; if one machine did not do that, another asks in its name."));
        }
        var boot = new AgentBoot(
            machine,
            addresses.PlainUrl + Routes.BootKernel,
            addresses.PlainUrl + Routes.BootRamdisk,
            addresses.TlsUrl,
            addresses.PlainUrl,
            authority.Digest.ToString(),
            token,
            pin,
            $"{settings.KernelArguments} {own}".Split(' ', StringSplitOptions.RemoveEmptyEntries),
            network);
        return BootScript.TryAgent(boot, new BootUrls(addresses.PlainUrl).Script(machine), out var script, out var refusal) ? script : throw new InvalidOperationException(refusal);
    }

    private PhysicalFileHttpResult AgentFile(string name, string what, HttpContext http)
    {
        var file = RamdiskFile(settings, name);
        if (http.Connection.RemoteIpAddress is { } client && HttpMethods.IsGet(http.Request.Method))
        {
            http.Response.OnCompleted(() =>
            {
                if (!http.RequestAborted.IsCancellationRequested)
                    sightings.Fetched(client, $"{what}, by HTTP");
                return Task.CompletedTask;
            });
        }
        return file;
    }

    private string LocalScript(Machine machine) =>
        BootScript.TryLocalDisk(machine.Architecture, addresses.PlainUrl + Routes.LocalBootLoader, out var script, out var refusal) ? script : throw new InvalidOperationException(refusal);

    private static PhysicalFileHttpResult RamdiskFile(ConductorSettings settings, string name)
    {
        var path = Path.Combine(settings.RamdiskDirectory, name);
        if (!File.Exists(path))
            throw Problems.NotFound("file", path, "Build the ramdisk with ramdisk/build.sh, or set ramdiskDirectory.");
        return TypedResults.PhysicalFile(path, "application/octet-stream", enableRangeProcessing: true);
    }

    [LoggerMessage(4101, LogLevel.Information, "{Mac} ({Architecture}) fetches its boot script: {Choice}")]
    private partial void LogScript(MacAddress mac, ClientArchitecture architecture, BootChoice choice);
}
