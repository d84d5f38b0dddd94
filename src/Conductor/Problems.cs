using System.Text.Json;
using Baremetal.Api;
using Microsoft.AspNetCore.Diagnostics;

namespace Baremetal.Conductor;

/// <summary>Errors as RFC 9457 problem details, from wherever they come: an endpoint, a body that is no JSON, a bug.</summary>
internal static partial class Problems
{
    private const string Types = "urn:baremetal:problem:";

    public static Problem Of(int status, string type, string title, string? remedy = null, string? detail = null) => new(Types + type, title, status, detail, remedy);

    public static ProblemException NotFound(string what, string name, string remedy) =>
        new(Of(StatusCodes.Status404NotFound, "not-found", $"There is no {what} '{name}'.", remedy));

    public static ProblemException Invalid(string title, string? remedy = null) => new(Of(StatusCodes.Status400BadRequest, "invalid", title, remedy));

    public static ProblemException Conflict(string type, string title, string? remedy = null) => new(Of(StatusCodes.Status409Conflict, type, title, remedy));

    /// <summary>The request is well-formed and allowed, but what it asks for was checked and cannot be done.</summary>
    public static ProblemException Refused(string title, string? remedy = null) => new(Of(StatusCodes.Status422UnprocessableEntity, "refused", title, remedy));

    public static Task WriteAsync(HttpContext context, Problem problem)
    {
        context.Response.StatusCode = problem.Status;
        return context.Response.WriteAsJsonAsync(problem, ApiJson.Default.Problem, "application/problem+json");
    }

    public static async Task HandleAsync(HttpContext context)
    {
        var error = context.Features.Get<IExceptionHandlerFeature>()?.Error;
        var problem = error switch
        {
            ProblemException known => known.Problem,
            BadHttpRequestException { InnerException: JsonException json } => Of(StatusCodes.Status400BadRequest, "invalid", $"The request's body cannot be read: {json.Message}"),
            BadHttpRequestException bad => Of(bad.StatusCode, "invalid", bad.Message),
            _ => Of(StatusCodes.Status500InternalServerError, "internal", $"The conductor failed at this call (trace {context.TraceIdentifier}).", "Its log says more under that trace."),
        };
        if (problem.Status >= StatusCodes.Status500InternalServerError && error is not null)
            LogFailure(context.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger("Baremetal.Conductor.Http"), error, context.Request.Method, context.Request.Path, context.TraceIdentifier);
        await WriteAsync(context, problem);
    }

    [LoggerMessage(1000, LogLevel.Error, "{Method} {Path} failed (trace {Trace})")]
    private static partial void LogFailure(ILogger logger, Exception error, string method, string path, string trace);
}
