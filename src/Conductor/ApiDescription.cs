using System.Reflection;
using Baremetal.Api;
using Baremetal.Conductor.Access;
using Baremetal.Conductor.Agents;
using Baremetal.Conductor.Runners;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Baremetal.Conductor;

/// <summary>What the API's description (<c>/openapi/v1.json</c>) says beyond what each call's own types do: who may call, and how errors look.</summary>
internal static class ApiDescription
{
    private static string Version => typeof(ApiDescription).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    public static void Configure(OpenApiOptions options)
    {
        options.AddOperationTransformer(DescribeCall);
        options.AddDocumentTransformer(DescribeAllAsync);
    }

    private static Task DescribeCall(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancel)
    {
        // One endpoint, two methods; the ids of operations are unique.
        if (HttpMethods.IsHead(context.Description.HttpMethod ?? ""))
            operation.OperationId += "Head";
        var schemes = context.Description.ActionDescriptor.EndpointMetadata.OfType<AuthorizationPolicy>().SelectMany(policy => policy.AuthenticationSchemes).Distinct();
        operation.Security = [.. schemes.Select(scheme => new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(scheme, context.Document)] = [] })];
        return Task.CompletedTask;
    }

    private static async Task DescribeAllAsync(OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken cancel)
    {
        document.Info = new OpenApiInfo { Title = "Baremetal conductor", Version = Version };
        document.AddComponent<IOpenApiSecurityScheme>(OperatorAuthentication.Name, new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.Http,
            Scheme = "bearer",
            Description = "An operator's token. The first one lies in the file admin.token of the conductor's state directory.",
        });
        document.AddComponent<IOpenApiSecurityScheme>(AgentAuthentication.Name, new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.MutualTLS,
            Description = "The certificate that an agent got at its enrolment.",
        });
        document.AddComponent<IOpenApiSecurityScheme>(RunnerAuthentication.Name, new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.MutualTLS,
            Description = "The certificate that a runner got when it joined.",
        });
        document.AddComponent<IOpenApiSchema>(nameof(Problem), await context.GetOrCreateSchemaAsync(typeof(Problem), cancellationToken: cancel));
        foreach (var operation in document.Paths.Values.SelectMany(path => path.Operations?.Values ?? Enumerable.Empty<OpenApiOperation>()))
        {
            (operation.Responses ??= [])["default"] = new OpenApiResponse
            {
                Description = "It was refused or failed; the problem (RFC 9457) says why, and what to do.",
                Content = new Dictionary<string, OpenApiMediaType> { [Problems.ContentType] = new() { Schema = new OpenApiSchemaReference(nameof(Problem), document) } },
            };
        }
    }
}
