using System.Text.Json;
using Baremetal.Api;
using Baremetal.Conductor.Tests.World;

namespace Baremetal.Conductor.Tests.Access;

/// <summary>What <c>/openapi/v1.json</c> says, and whether it is true.</summary>
public sealed class ApiDescriptionTests
{
    private static Task<JsonElement> DocumentAsync(TestConductor conductor) => conductor.SendAsync(new HttpRequestMessage(HttpMethod.Get, "/openapi/v1.json"));

    [Fact]
    public async Task Document_HasTitleVersionSchemesAndForEachCallItsNameWordsAndErrors()
    {
        await using var conductor = await TestConductor.StartAsync();
        var document = await DocumentAsync(conductor);
        var info = document.GetProperty("info");
        Assert.Equal("Baremetal conductor", info.GetProperty("title").GetString());
        Assert.Equal(typeof(ConductorHost).Assembly.GetName().Version!.ToString(3), info.GetProperty("version").GetString());
        var components = document.GetProperty("components");
        Assert.Equal("bearer", components.GetProperty("securitySchemes").GetProperty("operator").GetProperty("scheme").GetString());
        Assert.Contains("'W' written", components.GetProperty("schemas").GetProperty("Progress").GetProperty("properties").GetProperty("map").GetProperty("description").GetString(), StringComparison.Ordinal);
        Assert.True(components.GetProperty("schemas").GetProperty("Problem").GetProperty("properties").TryGetProperty("remedy", out _));

        var ids = new HashSet<string>();
        foreach (var path in document.GetProperty("paths").EnumerateObject())
        {
            foreach (var call in path.Value.EnumerateObject())
            {
                Assert.True(call.Value.TryGetProperty("operationId", out var id) && ids.Add(id.GetString()!), $"{call.Name} {path.Name} has no operationId of its own");
                Assert.True(call.Value.TryGetProperty("summary", out var summary) && summary.GetString()!.EndsWith('.'), $"{call.Name} {path.Name} has no summary");
                var problem = call.Value.GetProperty("responses").GetProperty("default").GetProperty("content").GetProperty("application/problem+json").GetProperty("schema");
                Assert.Equal("#/components/schemas/Problem", problem.GetProperty("$ref").GetString());
                if (path.Name.StartsWith(Routes.Nodes, StringComparison.Ordinal))
                    Assert.True(call.Value.GetProperty("security")[0].TryGetProperty("operator", out _), $"{call.Name} {path.Name} asks for no token");
            }
        }
        Assert.Contains("deployNode", ids);
    }

    [Fact]
    public async Task StatusCodes_OfRealCalls_AreThoseThatTheDocumentHas()
    {
        await using var conductor = await TestConductor.StartAsync();
        var paths = (await DocumentAsync(conductor)).GetProperty("paths");

        async Task<string[]> SameAsync(HttpMethod method, string template, string path, string? body = null)
        {
            var documented = paths.GetProperty(template).GetProperty(method.Method.ToLowerInvariant()).GetProperty("responses").EnumerateObject().Select(one => one.Name).Where(code => code != "default").ToArray();
            var request = new HttpRequestMessage(method, path) { Content = body is null ? null : new StringContent(body, System.Text.Encoding.UTF8, "application/json") };
            var real = (int)await conductor.StatusAsync(request);
            Assert.Contains($"{real}", documented);
            return documented;
        }

        Assert.Equal(["201", "200"], await SameAsync(HttpMethod.Post, Routes.Nodes, Routes.Nodes, """{"name":"n1","mac":"52:54:00:00:01:01","power":{"driver":"manual"}}"""));
        Assert.Equal(["200"], await SameAsync(HttpMethod.Get, Routes.Nodes, Routes.Nodes));
        Assert.Equal(["200"], await SameAsync(HttpMethod.Get, Routes.Node, "/v1/nodes/n1"));
        Assert.Equal(["200"], await SameAsync(HttpMethod.Get, Routes.NodePower, "/v1/nodes/n1/power"));
        Assert.Equal(["202"], await SameAsync(HttpMethod.Post, "/v1/nodes/{node}/inspect", "/v1/nodes/n1/inspect"));
        var job = "";
        await foreach (var one in conductor.Operator.ListJobsAsync(TestContext.Current.CancellationToken))
            job = one.Id;
        Assert.Equal(["200"], await SameAsync(HttpMethod.Get, Routes.Job, $"/v1/jobs/{job}"));
        Assert.Equal(["202"], await SameAsync(HttpMethod.Post, Routes.JobAbort, $"/v1/jobs/{job}/abort"));
        await Until.JobEndAsync(conductor.Operator, job);
        Assert.Equal(["204"], await SameAsync(HttpMethod.Delete, Routes.Node, "/v1/nodes/n1"));
    }
}
