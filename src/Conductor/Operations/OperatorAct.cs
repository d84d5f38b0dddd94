using Baremetal.Api;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Images;
using Baremetal.Conductor.Nodes;
using Baremetal.Conductor.Runners;

namespace Baremetal.Conductor.Operations;

/// <summary>
/// One line of the log for each call by which an operator changed something, with the name of the token: who took the protection away is asked
/// weeks later. What was so already, a dry run and what was refused are not told.
/// </summary>
/// <param name="act">What was done, before the name of what it was done to: <c>approved</c>.</param>
internal sealed partial class OperatorAct(string act) : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        var before = Before(http);
        var result = await next(context);
        if (Changed(http, before, (result as INestedHttpResult)?.Result ?? result) is { } subject)
            Log(http.RequestServices.GetRequiredService<ILogger<OperatorAct>>(), http.User.Identity?.Name ?? "unknown", act, subject);
        return result;
    }

    /// <summary>What the call is about, as it is called and was; null where it is still to come.</summary>
    private static (string Subject, long Revision)? Before(HttpContext http)
    {
        var database = http.RequestServices.GetRequiredService<IDatabase>();
        if (http.Request.RouteValues["node"] is string node)
            return database.Read(sql => NodeTable.Get(sql, node)) is var row ? ($"node {row.Name}", row.Revision) : null;
        if (http.Request.RouteValues["runner"] is string runner)
            return database.Read(sql => RunnerTable.Get(sql, runner) is var host && http.Request.RouteValues["vm"] is string vm ? OfVm(host, VmTable.Get(sql, host, vm)) : ($"runner {host.Name}", 0));
        return http.Request.RouteValues["image"] is string image ? ($"image {Named(database.Read(sql => ImageTable.Get(sql, image)))}", 0) : null;
    }

    private static string? Changed(HttpContext http, (string Subject, long Revision)? before, object? result) => (result as IValueHttpResult)?.Value switch
    {
        Vm vm when http.Request.RouteValues["vm"] is string => Before(http)?.Revision == before?.Revision ? null : before?.Subject,
        Vm vm => IsNew(result) ? $"VM {vm.Runner}/{vm.Name}" : null,
        Node node when before is { } was => node.Revision == was.Revision ? null : was.Subject == $"node {node.Name}" ? was.Subject : $"{was.Subject}, which is {node.Name} now",
        Node node => IsNew(result) ? $"node {node.Name}" : null,
        Image image => IsNew(result) ? $"image {image.Name}:{image.Version}" : null,
        _ => before?.Subject,
    };

    private static (string Subject, long Revision) OfVm(RunnerRow runner, VmRow vm) => ($"VM {runner.Name}/{vm.Name}", vm.OrderRevision);

    private static bool IsNew(object? result) => result is IStatusCodeHttpResult { StatusCode: StatusCodes.Status201Created };

    private static string Named(ImageRow image) => $"{image.Name}:{image.Version}";

    [LoggerMessage(1101, LogLevel.Information, "Operator {Who} {Act} {Subject}")]
    private static partial void Log(ILogger logger, string who, string act, string subject);
}
