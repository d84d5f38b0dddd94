using System.ComponentModel;
using System.Security.Claims;
using Baremetal.Api;
using Baremetal.Conductor.Access;
using Baremetal.Conductor.Agents;
using Baremetal.Conductor.Boot;
using Baremetal.Conductor.Events;
using Baremetal.Conductor.Images;
using Baremetal.Conductor.Inventories;
using Baremetal.Conductor.Jobs;
using Baremetal.Conductor.Nodes;
using Baremetal.Conductor.Operations;
using Baremetal.Conductor.Power;
using Baremetal.Conductor.Runners;
using Baremetal.Conductor.Runners.Streams;
using Baremetal.Conductor.VmImages;
using Baremetal.Netboot.Boot;
using Microsoft.AspNetCore.Authorization;

namespace Baremetal.Conductor;

/// <summary>Everything that the conductor answers, by who asks.</summary>
internal static class Endpoints
{
    private static readonly string[] Read = [HttpMethods.Get, HttpMethods.Head];

    public static void Map(WebApplication app)
    {
        // Anyone, on the plain port too: a netboot in its order, content by digest, and whether we live.
        var anyone = app.MapGroup("").WithMetadata(new AnswersPlainHttp());
        anyone.MapMethods(BootUrls.LoaderPath + "{file}", Read, BootEndpoints.Loader).Produces(StatusCodes.Status200OK, contentType: "application/octet-stream")
            .Describe("bootLoader", "Fetches a boot loader, for firmware that boots by HTTP.");
        anyone.MapGet(Routes.BootScript, (string? mac, string? uuid, string? arch, BootEndpoints boot) => boot.Script(mac, uuid, arch)).Produces(StatusCodes.Status200OK, contentType: "text/plain")
            .Describe("bootScript", "Asks what a machine shall boot now.");
        anyone.MapMethods(Routes.BootKernel, Read, (HttpContext http, BootEndpoints boot) => boot.Kernel(http)).Produces(StatusCodes.Status200OK, contentType: "application/octet-stream")
            .Describe("bootKernel", "Fetches the agent's kernel.");
        anyone.MapMethods(Routes.BootRamdisk, Read, (HttpContext http, BootEndpoints boot) => boot.Ramdisk(http)).Produces(StatusCodes.Status200OK, contentType: "application/octet-stream")
            .Describe("bootRamdisk", "Fetches the agent's ramdisk.");
        anyone.MapMethods(Routes.LocalBootLoader, Read, BootEndpoints.LocalBootLoader).Produces(StatusCodes.Status200OK, contentType: "application/octet-stream")
            .Describe("localBootLoader", "Fetches the loader that boots the local disk.");
        anyone.MapMethods(Routes.RunnerPackage, Read, BootEndpoints.RunnerPackage).Produces(StatusCodes.Status200OK, contentType: "application/vnd.debian.binary-package")
            .Describe("runnerPackage", "Fetches the package that makes an installed system a runner.");
        anyone.MapGet(Routes.CaCertificate, BootEndpoints.CaCertificate).Produces(StatusCodes.Status200OK, contentType: "application/x-pem-file")
            .Describe("getCaCertificate", "Fetches the conductor's CA certificate.");
        anyone.MapMethods(Routes.Blob, Read, BlobEndpoints.Get).Produces(StatusCodes.Status200OK, contentType: "application/octet-stream")
            .Describe("getBlob", "Fetches content by its SHA-256, whole or in ranges.");
        anyone.MapPost(Routes.PhoneHome, PhoneHome.Hear).RequireRateLimiting(Limits.Enrolment).WithMetadata(new BodyLimit(PhoneHome.MostBytes))
            .Describe("phoneHome", "Hears the first word of an installed system: cloud-init's phone_home, with the token of its config drive.");
        anyone.MapGet(Routes.Health, OperationsEndpoints.Health).Produces(StatusCodes.Status200OK, contentType: "text/plain")
            .Describe("getHealth", "Asks whether the conductor is alive.");
        anyone.MapGet(Routes.Ready, OperationsEndpoints.Ready).Produces(StatusCodes.Status200OK, contentType: "text/plain")
            .Describe("getReadiness", "Asks whether the conductor can work: its database answers.");

        // Agents: enrolment by one-time token, all else by the certificate that it gets them.
        app.MapPost(Routes.AgentEnrol, (AgentEnrol ask, EnrolEndpoints enrol) => enrol.Enrol(ask)).RequireRateLimiting(Limits.Enrolment)
            .Describe("agentEnrol", "Takes a certificate for the one-time token of a boot script.");
        var agents = app.MapGroup("").RequireAuthorization(By(AgentAuthentication.Name)).AddEndpointFilter<SignOfLife>();
        agents.MapPost(Routes.AgentRenew, (AgentRenew ask, ClaimsPrincipal user, EnrolEndpoints enrol) => enrol.Renew(ask, user))
            .Describe("agentRenew", "Renews the agent's certificate.");
        agents.MapGet(Routes.AgentTrust, AgentEndpoints.Trust)
            .Describe("agentTrust", "Fetches the trust documents after a version.");
        agents.MapPost(Routes.AgentInventory, AgentEndpoints.Inventory)
            .Describe("agentInventory", "Tells what the machine has.");
        agents.MapPost(Routes.AgentHeartbeat, AgentEndpoints.Heartbeat)
            .Describe("agentHeartbeat", "Says that the agent lives and how far it is; hears whether an order waits.");
        agents.MapPost(Routes.AgentOrder, AgentEndpoints.Order).Produces(StatusCodes.Status200OK, contentType: "application/json")
            .Describe("agentOrder", "Asks for the signed order; none if there is nothing to do.");
        agents.MapPost(Routes.AgentStep, AgentEndpoints.Step)
            .Describe("agentStep", "Tells how a step of the order goes.");
        agents.MapPost(Routes.AgentLog, AgentEndpoints.Log)
            .Describe("agentLog", "Tells what agent, kernel and disks say of a failure; it is kept with the node's job.");
        agents.MapGet(Routes.AgentConfigDrive, AgentEndpoints.ConfigDrive).Produces(StatusCodes.Status200OK, contentType: "application/octet-stream")
            .Describe("agentConfigDrive", "Fetches the order's config drive.");
        agents.MapGet(Routes.AgentRescue, AgentEndpoints.RescuePart).Produces(StatusCodes.Status200OK, contentType: "application/octet-stream")
            .Describe("agentRescue", "Fetches the SSH server of a rescue, for the ramdisk that it was ordered in.");
        agents.MapGet(Routes.AgentManifest, AgentEndpoints.Manifest).Produces(StatusCodes.Status200OK, contentType: "application/json")
            .Describe("agentManifest", "Fetches the signed manifest of an image.");

        app.MapPost(Routes.FirstBootFailure, PhoneHome.HearFailure).RequireRateLimiting(Limits.Enrolment).WithMetadata(new BodyLimit(PhoneHome.MostBytes))
            .Describe("firstBootFailure", "Hears why the first boot of an installed system did not make it a runner, with the token of its config drive.");

        // Runners: they join by one-time token, and call by the certificate that it gets them. Nobody calls them.
        app.MapPost(Routes.RunnerJoin, (RunnerJoin ask, HttpContext http, JoinEndpoints join) => join.Join(ask, http)).RequireRateLimiting(Limits.Enrolment)
            .Describe("runnerJoin", "Takes a certificate for the one-time token that lets a machine join as a runner.");
        var runners = app.MapGroup("").RequireAuthorization(By(RunnerAuthentication.Name));
        runners.MapPost(Routes.RunnerRenew, (RunnerRenew ask, ClaimsPrincipal user, JoinEndpoints join) => join.Renew(ask, user))
            .Describe("runnerRenew", "Renews the runner's certificate.");
        runners.MapGet(Routes.RunnerOrders, (ClaimsPrincipal user, IHostApplicationLifetime life, OrderFeed feed, CancellationToken cancel, long after = -1) => feed.Answer(user, life, cancel, after)).RequireRateLimiting(Limits.Runner)
            .Describe("runnerOrders", "Asks for all that the runner shall have; waits until that is another revision than the one given, half a minute at most.");
        runners.MapPost(Routes.RunnerReport, (RunnerReport report, ClaimsPrincipal user, HttpContext http, RunnerReports reports) => reports.Hear(report, user, http)).RequireRateLimiting(Limits.Runner).WithMetadata(new BodyLimit(ReportBounds.Bytes))
            .Describe("runnerReport", "Tells how the runner and its VMs are.");
        runners.MapGet(Routes.RunnerStream, (string stream, ClaimsPrincipal user, HttpContext http, StreamEndpoints streams) => streams.Take(stream, user, http)).Produces(StatusCodes.Status101SwitchingProtocols)
            .Describe("runnerStream", "The runner's end of a stream that it was asked for: a WebSocket.");
        runners.MapMethods(RegistryEndpoints.Root, Read, RegistryEndpoints.Ping)
            .Describe("registry", "Says that here is a registry of OCI images.");
        runners.MapMethods(RegistryEndpoints.Manifest, Read, RegistryEndpoints.GetManifest).Produces(StatusCodes.Status200OK, contentType: OciImage.ManifestType)
            .Describe("registryManifest", "Fetches the OCI manifest of an image for VMs, by its digest.");
        runners.MapMethods(RegistryEndpoints.Blob, Read, RegistryEndpoints.GetBlob).Produces(StatusCodes.Status200OK, contentType: "application/octet-stream")
            .Describe("registryBlob", "Fetches the configuration or the layer of an image for VMs.");

        // Operators, by bearer token.
        var operators = app.MapGroup("").RequireAuthorization(By(OperatorAuthentication.Name));
        operators.MapPost(Routes.Nodes, NodeEndpoints.Enrol).Tell("enrolled")
            .Describe("enrolNode", "Makes a server known; with dryRun, answers what it would be.");
        operators.MapGet(Routes.Nodes, NodeEndpoints.List)
            .Describe("listNodes", "Lists the nodes, by name.");
        operators.MapGet(Routes.Node, NodeEndpoints.Show)
            .Describe("getNode", "Shows a node, by id, name or MAC address.");
        operators.MapPatch(Routes.Node, NodeEndpoints.Edit).Tell("edited")
            .Describe("editNode", "Changes a node's name, MAC address, power settings, boot policy, firmware mode, network or kernel arguments; what is left out stays.");
        operators.MapDelete(Routes.Node, NodeEndpoints.Remove).Tell("removed")
            .Describe("removeNode", "Forgets a node; the server itself stays as it is.");
        operators.MapPost(Action(NodeActions.Approve), NodeActionEndpoints.Approve).Tell("approved")
            .Describe("approveNode", "Says that an inspected node may be written to.");
        operators.MapPost(Action(NodeActions.Adopt), NodeActionEndpoints.Adopt).Tell("adopted")
            .Describe("adoptNode", "Takes a server that runs already for active, untouched; it is protected from then on.");
        operators.MapPost(Action(NodeActions.Protect), NodeActionEndpoints.Protect).Tell("protected")
            .Describe("protectNode", "Protects a node against being written to or removed.");
        operators.MapPost(Action(NodeActions.Unprotect), NodeActionEndpoints.Unprotect).Tell("took the protection from")
            .Describe("unprotectNode", "Takes a node's protection away.");
        operators.MapPost(Action(NodeActions.Maintenance), NodeActionEndpoints.BeginMaintenance).Tell("took into maintenance")
            .Describe("beginMaintenance", "Keeps anything from being begun on a node.");
        operators.MapPost(Action(NodeActions.Unmaintenance), NodeActionEndpoints.EndMaintenance).Tell("took out of maintenance")
            .Describe("endMaintenance", "Ends a node's maintenance.");
        operators.MapPost(Action(NodeActions.Inspect), JobEndpoints.Inspect)
            .Describe("inspectNode", "Starts a job that boots the node's agent and takes its inventory.");
        operators.MapPost(Action(NodeActions.Clean), JobEndpoints.Clean)
            .Describe("cleanNode", "Starts a job that erases the disks of an available node.");
        operators.MapPost(Action(NodeActions.Release), JobEndpoints.Release)
            .Describe("releaseNode", "Starts a job that erases the disks of an active node and makes it available again.");
        operators.MapPost(Action(NodeActions.Rescue), JobEndpoints.Rescue)
            .Describe("rescueNode", "Starts a job that boots the ramdisk with an SSH server, for the keys given and the time given.");
        operators.MapPost(Action(NodeActions.Unrescue), JobEndpoints.Unrescue)
            .Describe("unrescueNode", "Ends a rescue: the machine restarts from its disk.");
        operators.MapPost(Action(NodeActions.Abort), JobEndpoints.AbortOfNode)
            .Describe("abortNode", "Asks the job that works on a node to stop.");
        operators.MapGet(Routes.NodeInventories, InventoryEndpoints.List)
            .Describe("listInventories", "Lists what a node's machine was like over time, the newest first, and what changed each time.");
        operators.MapGet(Routes.NodeInventory, InventoryEndpoints.Show)
            .Describe("getInventory", "Shows one of a node's inventories whole, and what changed since the one before it or since another.");
        operators.MapGet(Routes.NodePower, PowerEndpoints.Show)
            .Describe("getPower", "Asks the machine whether it is on.");
        operators.MapPost(Routes.NodePower, PowerEndpoints.Set)
            .Describe("setPower", "Switches the machine, and answers when it is done.");
        operators.MapPost(Routes.NodeDeployments, JobEndpoints.Deploy).WithMetadata(new BodyLimit(Limits.DeploymentBytes))
            .Describe("deployNode", "Starts a job that writes an image to the node's disk; with dryRun, answers what it would do.");
        operators.MapGet(Routes.Jobs, JobEndpoints.List)
            .Describe("listJobs", "Lists the jobs, the newest first.");
        operators.MapGet(Routes.Job, JobEndpoints.Show)
            .Describe("getJob", "Shows a job, by its id or the beginning of it.");
        operators.MapGet(Routes.JobLog, JobEndpoints.Log)
            .Describe("getJobLog", "Shows what the job's agents told of its failure: disks, agent, kernel.");
        operators.MapPost(Routes.JobAbort, JobEndpoints.Abort)
            .Describe("abortJob", "Asks a job to stop.");
        operators.MapGet(Routes.JobEvents, EventEndpoints.OfJob).Produces(StatusCodes.Status200OK, contentType: "text/event-stream").Produces(StatusCodes.Status204NoContent)
            .Describe("followJob", "Follows a job from its beginning to its end, as server-sent events; no content when all has been told.");
        operators.MapGet(Routes.Events, EventEndpoints.All).Produces(StatusCodes.Status200OK, contentType: "text/event-stream")
            .Describe("followAll", "Follows all that happens, as server-sent events.");
        operators.MapPost(Routes.Images, ImageEndpoints.Add).WithMetadata(new BodyLimit(Limits.ManifestBytes)).Tell("added")
            .Describe("addImage", "Adds a signed image whose blobs have been uploaded.");
        operators.MapGet(Routes.Images, ImageEndpoints.List)
            .Describe("listImages", "Lists the images.");
        operators.MapGet(Routes.Image, ImageEndpoints.Show)
            .Describe("getImage", "Shows an image, by NAME or NAME:VERSION.");
        operators.MapDelete(Routes.Image, ImageEndpoints.Remove).Tell("removed")
            .Describe("removeImage", "Removes an image from the catalogue.");
        operators.MapGet(Routes.ImageManifest, ImageEndpoints.Manifest).Produces(StatusCodes.Status200OK, contentType: "application/json")
            .Describe("getImageManifest", "Fetches the signed manifest of an image.");
        operators.MapPost(Routes.VmImages, VmImageEndpoints.Build).Tell("made for VMs")
            .Describe("buildVmImage", "Makes an image of the catalogue one that VMs can be made of.");
        operators.MapGet(Routes.VmImages, VmImageEndpoints.List)
            .Describe("listVmImages", "Lists the images that VMs can be made of.");
        operators.MapDelete(Routes.VmImage, VmImageEndpoints.Remove).Tell("took from VMs")
            .Describe("removeVmImage", "Takes an image from those that VMs can be made of; the image for servers stays.");
        operators.MapPost(Routes.RunnerTokens, RunnerEndpoints.Token)
            .Describe("makeRunnerToken", "Makes a one-time token by which a machine joins as a runner; it is shown this once.");
        operators.MapGet(Routes.Runners, RunnerEndpoints.List)
            .Describe("listRunners", "Lists the runners, by name.");
        operators.MapGet(Routes.Runner, RunnerEndpoints.Show)
            .Describe("getRunner", "Shows a runner, by id or name.");
        operators.MapDelete(Routes.Runner, RunnerEndpoints.Remove).Tell("removed")
            .Describe("removeRunner", "Shuts a runner out and forgets it; the machine itself stays as it is.");
        operators.MapPost(Routes.Vms, VmEndpoints.Create).Tell("created")
            .Describe("createVm", "Creates a VM on a runner.");
        operators.MapGet(Routes.Vms, VmEndpoints.List)
            .Describe("listVmsOfRunner", "Lists a runner's VMs, by name.");
        operators.MapGet(Routes.AllVms, VmEndpoints.ListAll)
            .Describe("listVms", "Lists the VMs of all runners, the oldest first.");
        operators.MapGet(Routes.Vm, VmEndpoints.Show)
            .Describe("getVm", "Shows a VM, by id or name.");
        operators.MapDelete(Routes.Vm, VmEndpoints.Delete).Tell("deleted")
            .Describe("deleteVm", "Deletes a VM with its disk: its runner does, and says so.");
        operators.MapPost(OfVm(VmActions.Start), VmEndpoints.Start).Tell("started")
            .Describe("startVm", "Starts a VM; one that runs goes on.");
        operators.MapPost(OfVm(VmActions.Stop), VmEndpoints.Stop).Tell("stopped")
            .Describe("stopVm", "Shuts a VM down; its disk is kept.");
        operators.MapPost(OfVm(VmActions.Restart), VmEndpoints.Restart).Tell("restarted")
            .Describe("restartVm", "Shuts a VM down and starts it again; one that is stopped is started.");
        operators.MapGet(Routes.VmLogs, (string runner, string vm, HttpContext http, StreamEndpoints streams) => streams.Logs(runner, vm, http)).Produces(StatusCodes.Status200OK, contentType: "text/plain")
            .Describe("getVmLogs", "What a VM's container said: text, to its end.");
        operators.MapGet(Routes.VmConsoleLog, (string runner, string vm, HttpContext http, StreamEndpoints streams) => streams.ConsoleLog(runner, vm, http)).Produces(StatusCodes.Status200OK, contentType: "text/plain")
            .Describe("getVmConsoleLog", "What a VM's serial console said, as far as it is kept: text, to its end.");
        operators.MapGet(Routes.VmConsole, (string runner, string vm, HttpContext http, StreamEndpoints streams, [Description("serial, or vnc: RFB (RFC 6143).")] string kind = "serial") => streams.Console(runner, vm, http, kind)).Produces(StatusCodes.Status101SwitchingProtocols)
            .Describe("openVmConsole", "A VM's serial console or screen, both ways: a WebSocket, binary.");
        operators.MapPut(Routes.Blob, BlobEndpoints.Put).WithMetadata(new BodyLimit(Limits.BlobBytes))
            .Describe("putBlob", "Uploads content under its SHA-256.");
        operators.MapOpenApi();
    }

    /// <summary>In the log: who did it, and to what.</summary>
    private static RouteHandlerBuilder Tell(this RouteHandlerBuilder call, string act) => call.AddEndpointFilter(new OperatorAct(act));

    private static void Describe(this RouteHandlerBuilder call, string id, string summary) => call.WithName(id).WithSummary(summary);

    private static string OfVm(string action) => Routes.VmAction.Replace("{action}", action, StringComparison.Ordinal);

    private static string Action(string action) => Routes.NodeAction.Replace("{action}", action, StringComparison.Ordinal);

    private static AuthorizationPolicy By(string scheme) => new AuthorizationPolicyBuilder(scheme).RequireAuthenticatedUser().Build();
}
