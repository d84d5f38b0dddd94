namespace Baremetal.Api;

/// <summary>Every path of the HTTP API, once. Templates carry their parameters in braces; <see cref="For"/> fills them.</summary>
public static class Routes
{
    // Operators, on 8443 with a bearer token.
    public const string Nodes = "/v1/nodes";
    public const string Node = "/v1/nodes/{node}";
    public const string NodeAction = "/v1/nodes/{node}/{action}";
    public const string NodePower = "/v1/nodes/{node}/power";
    public const string NodeDeployments = "/v1/nodes/{node}/deployments";
    public const string NodeInventories = "/v1/nodes/{node}/inventories";
    public const string NodeInventory = "/v1/nodes/{node}/inventories/{number}";
    public const string Jobs = "/v1/jobs";
    public const string Job = "/v1/jobs/{job}";
    public const string JobAbort = "/v1/jobs/{job}/abort";
    public const string JobLog = "/v1/jobs/{job}/log";
    public const string JobEvents = "/v1/jobs/{job}/events";
    public const string Events = "/v1/events";
    public const string Images = "/v1/images";
    public const string Image = "/v1/images/{image}";
    public const string ImageManifest = "/v1/images/{image}/manifest";
    public const string VmImages = "/v1/vm-images";
    public const string VmImage = "/v1/vm-images/{image}";
    public const string RunnerTokens = "/v1/runner-tokens";
    public const string Runners = "/v1/runners";
    public const string Runner = "/v1/runners/{runner}";
    public const string Vms = "/v1/runners/{runner}/vms";
    public const string Vm = "/v1/runners/{runner}/vms/{vm}";
    public const string VmAction = "/v1/runners/{runner}/vms/{vm}/{action}";
    public const string VmLogs = "/v1/runners/{runner}/vms/{vm}/logs";
    public const string VmConsoleLog = "/v1/runners/{runner}/vms/{vm}/console-log";
    public const string VmConsole = "/v1/runners/{runner}/vms/{vm}/console";
    public const string AllVms = "/v1/vms";

    // The agent, on 8443: enrol with the one-time token, all else with its client certificate.
    public const string AgentEnrol = "/v1/agent/enrol";
    public const string AgentRenew = "/v1/agent/renew";
    public const string AgentTrust = "/v1/agent/trust";
    public const string AgentInventory = "/v1/agent/inventory";
    public const string AgentHeartbeat = "/v1/agent/heartbeat";
    public const string AgentOrder = "/v1/agent/order";
    public const string AgentStep = "/v1/agent/orders/{order}/steps";
    public const string AgentLog = "/v1/agent/log";
    public const string AgentConfigDrive = "/v1/agent/orders/{order}/config-drive";
    public const string AgentRescue = "/v1/agent/orders/{order}/rescue";
    public const string AgentManifest = "/v1/agent/manifests/{digest}";

    // A runner, on 8443: joins with a one-time token, all else with its client certificate. It calls; nobody calls it.
    public const string RunnerJoin = "/v1/runners/join";
    public const string RunnerRenew = "/v1/runner/renew";
    public const string RunnerOrders = "/v1/runner/orders";
    public const string RunnerReport = "/v1/runner/report";
    public const string RunnerStream = "/v1/runner/streams/{stream}";

    // Anyone, on 8080: nothing secret but the one-time token in the boot script.
    public const string BootScript = "/boot/script";
    public const string BootKernel = "/boot/kernel";
    public const string BootRamdisk = "/boot/ramdisk";
    public const string BootLoader = "/boot/loaders/{name}";
    public const string LocalBootLoader = "/boot/localboot.efi";
    public const string PhoneHome = "/v1/phone-home/{token}";
    public const string FirstBootFailure = "/v1/phone-home/{token}/failure";
    public const string RunnerPackage = "/boot/baremetal-vm-runner.deb";
    public const string CaCertificate = "/ca.pem";
    public const string Blob = "/blobs/sha256/{digest}";
    public const string Blobs = "/blobs/sha256/";

    // Operations.
    public const string Health = "/healthz";
    public const string Ready = "/readyz";

    /// <summary>Fills a template's parameters in their order, each escaped.</summary>
    public static string For(string template, params ReadOnlySpan<string> values)
    {
        var path = template;
        foreach (var value in values)
        {
            var open = path.IndexOf('{', StringComparison.Ordinal);
            var close = path.IndexOf('}', StringComparison.Ordinal);
            path = string.Concat(path.AsSpan(0, open), Uri.EscapeDataString(value), path.AsSpan(close + 1));
        }
        return path;
    }
}
