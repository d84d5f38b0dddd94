using System.Text.Json;
using System.Text.RegularExpressions;
using Baremetal.Api;
using Baremetal.Conductor.Database;
using Microsoft.AspNetCore.Diagnostics;

namespace Baremetal.Conductor;

/// <summary>Errors as RFC 9457 problem details, from wherever they come: an endpoint, a body that is no JSON, a bug.</summary>
internal static partial class Problems
{
    public const string ContentType = "application/problem+json";

    // ENOSPC, as the framework passes it on.
    private const int NoSpaceLeft = 28;

    private const string Types = "urn:baremetal:problem:";

    public static Problem Of(int status, string type, string title, string? remedy = null, string? detail = null) => new(Types + type, title, status, detail, remedy);

    public static ProblemException NotFound(string what, string name, string remedy) =>
        new(Of(StatusCodes.Status404NotFound, "not-found", $"There is no {what} '{name}'.", remedy));

    public static ProblemException Invalid(string title, string? remedy = null) => new(Of(StatusCodes.Status400BadRequest, "invalid", title, remedy));

    public static ProblemException Conflict(string type, string title, string? remedy = null) => new(Of(StatusCodes.Status409Conflict, type, title, remedy));

    /// <summary>The request is well-formed and allowed, but what it asks for was checked and cannot be done.</summary>
    public static ProblemException Refused(string title, string? remedy = null) => new(Of(StatusCodes.Status422UnprocessableEntity, "refused", title, remedy));

    public static Problem NoRoom(string title) => Of(StatusCodes.Status507InsufficientStorage, "no-room", title, "Make room there: 'conductor image remove' takes images that are not needed.");

    public static Task WriteAsync(HttpContext context, Problem problem)
    {
        context.Response.StatusCode = problem.Status;
        return context.Response.WriteAsJsonAsync(problem, ApiJson.Default.Problem, ContentType);
    }

    /// <summary>An answer that is a status and nothing else, in words.</summary>
    public static Task ExplainAsync(HttpContext context)
    {
        var (request, status) = (context.Request, context.Response.StatusCode);
        return WriteAsync(context, status switch
        {
            StatusCodes.Status404NotFound => Of(status, "not-found", $"There is no {request.Method} {request.Path}.", "The API is described at /openapi/v1.json."),
            StatusCodes.Status405MethodNotAllowed => Of(status, "method", $"{request.Path} does not take {request.Method}.", $"It takes {context.Response.Headers.Allow}."),
            StatusCodes.Status415UnsupportedMediaType => OtherType(request),
            _ => Of(status, "http", $"{request.Method} {request.Path} is answered with {status}."),
        });
    }

    private static Problem OtherType(HttpRequest request) => Of(StatusCodes.Status415UnsupportedMediaType, "content-type",
        $"The body of {request.Method} {request.Path} is {request.ContentType ?? "of no type"}; it must be JSON.", "Send it with 'Content-Type: application/json'.");

    // The framework says it in its own types' names. Were its sentence ever to change, it would be told as it is.
    private static Problem Unreadable(Match value) => Of(StatusCodes.Status400BadRequest, "invalid",
        $"{value.Groups["name"].ValueSpan} is '{value.Groups["text"].ValueSpan}', which cannot be read.",
        value.Groups["type"].Value switch
        {
            var type when type.Contains(nameof(NodeState), StringComparison.Ordinal) => OneOf<NodeState>(),
            var type when type.Contains(nameof(JobState), StringComparison.Ordinal) => OneOf<JobState>(),
            var type when type.Contains("bool", StringComparison.OrdinalIgnoreCase) => "It is true or false.",
            _ => "It is a whole number.",
        });

    private static string OneOf<T>() where T : struct, Enum => $"It is one of {string.Join(", ", Enum.GetNames<T>()).ToLowerInvariant()}.";

    public static async Task HandleAsync(HttpContext context)
    {
        var error = context.Features.Get<IExceptionHandlerFeature>()?.Error;
        var problem = error switch
        {
            ProblemException known => known.Problem,
            BadHttpRequestException { InnerException: JsonException json } => Of(StatusCodes.Status400BadRequest, "invalid", $"The request's body cannot be read: {json.Message}"),
            BadHttpRequestException { StatusCode: StatusCodes.Status415UnsupportedMediaType } => OtherType(context.Request),
            BadHttpRequestException bad when UnreadableValue().Match(bad.Message) is { Success: true } value => Unreadable(value),
            BadHttpRequestException bad => Of(bad.StatusCode, "invalid", bad.Message),
            IOException { HResult: NoSpaceLeft } full => NoRoom($"The conductor's disk is full: {full.Message}"),
            DatabaseTroubleException trouble => Of(StatusCodes.Status507InsufficientStorage, "database", trouble.What, trouble.Remedy),
            _ => Of(StatusCodes.Status500InternalServerError, "internal", $"The conductor failed at this call (trace {context.TraceIdentifier}).", "Its log says more under that trace."),
        };
        var logger = context.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger("Baremetal.Conductor.Http");
        // An answer in words is no fault of ours, and says more than where in our code it was found.
        if (problem.Status >= StatusCodes.Status500InternalServerError && error is ProblemException)
            LogAnswer(logger, context.Request.Method, context.Request.Path, problem.Title, problem.Remedy);
        else if (problem.Status >= StatusCodes.Status500InternalServerError && error is not null)
            LogFailure(logger, error, context.Request.Method, context.Request.Path, context.TraceIdentifier);
        await WriteAsync(context, problem);
    }

    [GeneratedRegex("^Failed to bind parameter \"(?<type>[^ ]+) (?<name>[^\"]+)\" from \"(?<text>.*)\"\\.$", RegexOptions.Singleline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex UnreadableValue();

    [LoggerMessage(1000, LogLevel.Error, "{Method} {Path} failed (trace {Trace})")]
    private static partial void LogFailure(ILogger logger, Exception error, string method, string path, string trace);

    [LoggerMessage(1001, LogLevel.Warning, "{Method} {Path}: {Title} {Remedy}")]
    private static partial void LogAnswer(ILogger logger, string method, string path, string title, string? remedy);
}
