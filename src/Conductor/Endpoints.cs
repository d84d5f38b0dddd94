using Baremetal.Api;
using Baremetal.Conductor.Access;
using Baremetal.Conductor.Agents;
using Baremetal.Conductor.Boot;
using Baremetal.Conductor.Events;
using Baremetal.Conductor.Images;
using Baremetal.Conductor.Jobs;
using Baremetal.Conductor.Nodes;
using Baremetal.Conductor.Operations;
using Baremetal.Conductor.Power;
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
        anyone.MapMethods(BootUrls.LoaderPath + "{file}", Read, BootEndpoints.Loader);
        anyone.MapGet(Routes.BootScript, (string? mac, string? uuid, string? arch, BootEndpoints boot) => boot.Script(mac, uuid, arch));
        anyone.MapMethods(Routes.BootKernel, Read, (HttpContext http, BootEndpoints boot) => boot.Kernel(http));
        anyone.MapMethods(Routes.BootRamdisk, Read, (HttpContext http, BootEndpoints boot) => boot.Ramdisk(http));
        anyone.MapMethods(Routes.LocalBootLoader, Read, BootEndpoints.LocalBootLoader);
        anyone.MapGet(Routes.CaCertificate, BootEndpoints.CaCertificate);
        anyone.MapMethods(Routes.Blob, Read, BlobEndpoints.Get);
        anyone.MapGet(Routes.Health, OperationsEndpoints.Health);
        anyone.MapGet(Routes.Ready, OperationsEndpoints.Ready);

        // Agents: enrolment by one-time token, all else by the certificate that it gets them.
        app.MapPost(Routes.AgentEnrol, (AgentEnrol ask, EnrolEndpoints enrol) => enrol.Enrol(ask)).RequireRateLimiting(Limits.Enrolment);
        var agents = app.MapGroup("").RequireAuthorization(By(AgentAuthentication.Name)).AddEndpointFilter<SignOfLife>();
        agents.MapPost(Routes.AgentRenew, (AgentRenew ask, System.Security.Claims.ClaimsPrincipal user, EnrolEndpoints enrol) => enrol.Renew(ask, user));
        agents.MapGet(Routes.AgentTrust, AgentEndpoints.Trust);
        agents.MapPost(Routes.AgentInventory, AgentEndpoints.Inventory);
        agents.MapPost(Routes.AgentHeartbeat, AgentEndpoints.Heartbeat);
        agents.MapPost(Routes.AgentOrder, AgentEndpoints.Order);
        agents.MapPost(Routes.AgentStep, AgentEndpoints.Step);
        agents.MapGet(Routes.AgentConfigDrive, AgentEndpoints.ConfigDrive);
        agents.MapGet(Routes.AgentManifest, AgentEndpoints.Manifest);

        // Operators, by bearer token.
        var operators = app.MapGroup("").RequireAuthorization(By(OperatorAuthentication.Name));
        operators.MapPost(Routes.Nodes, NodeEndpoints.Enrol);
        operators.MapGet(Routes.Nodes, NodeEndpoints.List);
        operators.MapGet(Routes.Node, NodeEndpoints.Show);
        operators.MapDelete(Routes.Node, NodeEndpoints.Remove);
        operators.MapPost(Action(NodeActions.Approve), NodeEndpoints.Approve);
        operators.MapPost(Action(NodeActions.Inspect), JobEndpoints.Inspect);
        operators.MapGet(Routes.NodePower, PowerEndpoints.Show);
        operators.MapPost(Routes.NodePower, PowerEndpoints.Set);
        operators.MapPost(Routes.NodeDeployments, JobEndpoints.Deploy).WithMetadata(new BodyLimit(Limits.DeploymentBytes));
        operators.MapGet(Routes.Jobs, JobEndpoints.List);
        operators.MapGet(Routes.Job, JobEndpoints.Show);
        operators.MapPost(Routes.JobAbort, JobEndpoints.Abort);
        operators.MapGet(Routes.JobEvents, EventEndpoints.OfJob);
        operators.MapGet(Routes.Events, EventEndpoints.All);
        operators.MapPost(Routes.Images, ImageEndpoints.Add).WithMetadata(new BodyLimit(Limits.ManifestBytes));
        operators.MapGet(Routes.Images, ImageEndpoints.List);
        operators.MapGet(Routes.Image, ImageEndpoints.Show);
        operators.MapDelete(Routes.Image, ImageEndpoints.Remove);
        operators.MapGet(Routes.ImageManifest, ImageEndpoints.Manifest);
        operators.MapPut(Routes.Blob, BlobEndpoints.Put).WithMetadata(new BodyLimit(Limits.BlobBytes));
        operators.MapOpenApi();

        app.MapFallback(Limits.NoSuchPath);
    }

    private static string Action(string action) => Routes.NodeAction.Replace("{action}", action, StringComparison.Ordinal);

    private static AuthorizationPolicy By(string scheme) => new AuthorizationPolicyBuilder(scheme).RequireAuthenticatedUser().Build();
}
