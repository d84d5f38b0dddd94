using System.Threading.RateLimiting;
using Baremetal.Conductor.Runners;
using Baremetal.Trust;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.RateLimiting;

namespace Baremetal.Conductor;

/// <summary>The endpoint answers without TLS as well. All others do not: deny is what forgetting this means.</summary>
internal sealed record AnswersPlainHttp;

/// <summary>The largest body that the endpoint reads.</summary>
internal sealed record BodyLimit(long? MaxRequestBodySize) : IRequestSizeLimitMetadata;

/// <summary>What is cut off before an endpoint sees it.</summary>
internal static class Limits
{
    public const string Enrolment = "enrolment";
    public const string Runner = "runner";

    /// <summary>An inventory of a machine with a thousand disks; nothing else that has no limit of its own comes near.</summary>
    public const long BodyBytes = 1 << 20;

    /// <summary>User data at its largest, escaped as JSON.</summary>
    public const long DeploymentBytes = 16 << 20;

    /// <summary>An envelope at its largest, in base64.</summary>
    public const long ManifestBytes = Envelope.MaxBytes * 3 / 2;

    /// <summary>The largest image that there is.</summary>
    public const long BlobBytes = ChunkLayout.MaxSize;

    /// <summary>
    /// Enrolments per address: a machine tries again some times, and a relay can stand for a whole rack; but 2^128 tokens cannot be gone through.
    /// </summary>
    private const int EnrolmentsPerMinute = 120;

    /// <summary>A runner's reports and questions, each: one that is under way, and one that comes while the connection of the other is not yet known to be broken.</summary>
    private const int CallsOfARunner = 2;

    public static void AddRates(RateLimiterOptions options)
    {
        options.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
        options.OnRejected = (context, _) => new ValueTask(Problems.WriteAsync(context.HttpContext, Problems.Of(
            StatusCodes.Status429TooManyRequests, "too-many", "Too many calls came from there at once or within a minute.", "Try again in a minute.")));
        options.AddPolicy(Enrolment, http => RateLimitPartition.GetFixedWindowLimiter(
            http.Connection.RemoteIpAddress,
            _ => new FixedWindowRateLimiterOptions { PermitLimit = EnrolmentsPerMinute, Window = TimeSpan.FromMinutes(1) }));
        // Each costs the database more than all that a node's agent says; none shall wait behind one runner that says too much.
        options.AddPolicy(Runner, http => RateLimitPartition.GetConcurrencyLimiter(
            (RunnerCaller.Of(http.User).Id, http.Request.Path),
            _ => new ConcurrencyLimiterOptions { PermitLimit = CallsOfARunner }));
    }

    /// <summary>What is not meant for the plain port is answered there with nothing but where to ask.</summary>
    public static Task RequireTlsAsync(HttpContext context, RequestDelegate next) =>
        context.Request.IsHttps || context.GetEndpoint()?.Metadata.GetMetadata<AnswersPlainHttp>() is not null
            ? next(context)
            : Problems.WriteAsync(context, Problems.Of(StatusCodes.Status404NotFound, "not-found", "There is nothing here without TLS.", "Ask on the TLS port (tlsPort, 8443 if not set) with https."));
}
