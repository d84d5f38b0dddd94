using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Baremetal.Api;
using Baremetal.Conductor.Tests.World;
using Dapper;

namespace Baremetal.Conductor.Tests.Access;

/// <summary>What holds for every call of the API.</summary>
public sealed class ApiTests
{
    /// <summary>Undoes all steps of the schema but the first.</summary>
    internal const string ToTheFirstVersion =
        "DROP TABLE vm_images; DROP TABLE vms; DROP TABLE runner_tokens; DROP TABLE runners; ALTER TABLE nodes DROP COLUMN circuit; ALTER TABLE nodes DROP COLUMN remote; DROP TABLE inventories; ALTER TABLE jobs DROP COLUMN trouble_code; ALTER TABLE jobs DROP COLUMN failure_code; ALTER TABLE step_reports DROP COLUMN code; ALTER TABLE jobs DROP COLUMN stale_config_drives; ALTER TABLE jobs DROP COLUMN silent_until; ALTER TABLE jobs DROP COLUMN rescue; ALTER TABLE jobs DROP COLUMN host_key; ALTER TABLE jobs DROP COLUMN end_requested; ALTER TABLE jobs DROP COLUMN progressed; DROP TABLE job_logs; ALTER TABLE nodes DROP COLUMN network; ALTER TABLE nodes DROP COLUMN kernel_arguments; DROP INDEX jobs_by_phone; ALTER TABLE jobs DROP COLUMN phone_sha256; ALTER TABLE jobs DROP COLUMN phoned_at; ALTER TABLE nodes DROP COLUMN ssh_host_keys; DROP INDEX nodes_by_state; ALTER TABLE nodes DROP COLUMN relay; ALTER TABLE jobs DROP COLUMN clean; ALTER TABLE jobs DROP COLUMN targets; ALTER TABLE jobs DROP COLUMN erased; ALTER TABLE agents DROP COLUMN twin; DROP INDEX nodes_by_uuid; DROP INDEX nodes_by_serial; ALTER TABLE nodes DROP COLUMN uuid; ALTER TABLE nodes DROP COLUMN serial; ALTER TABLE nodes DROP COLUMN protected; ALTER TABLE nodes DROP COLUMN maintenance; DROP INDEX nodes_by_power_system; ALTER TABLE nodes DROP COLUMN power_system; ALTER TABLE jobs DROP COLUMN request_sha256; ALTER TABLE nodes DROP COLUMN request_sha256; UPDATE schema_version SET version = 1";

    private static readonly CancellationToken None = CancellationToken.None;

    private static EnrolNode Node(int number) => new($"n{number}", $"52:54:00:00:01:{number:x2}", new PowerSettings("manual"));

    private static HttpRequestMessage Post(string path, string json, string? key = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(json, Encoding.UTF8, "application/json") };
        if (key is not null)
            request.Headers.Add("Idempotency-Key", key);
        return request;
    }

    [Theory]
    [InlineData("")]
    [InlineData("bm1_00000000_0000000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("bm1_'; DROP TABLE tokens --_x")]
    public async Task Call_WithoutAGoodToken_IsRefused(string token)
    {
        await using var conductor = await TestConductor.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, Routes.Nodes) { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", token) } };
        Assert.Equal(HttpStatusCode.Unauthorized, await conductor.StatusAsync(request));
    }

    [Fact]
    public async Task Acts_OfAnOperator_AreLoggedOnceEachWithWhoDidThem()
    {
        await using var conductor = await TestConductor.StartAsync();
        var op = conductor.Operator;
        await conductor.Image.AddAsync(conductor);
        await conductor.Image.AddAsync(conductor);
        await op.EnrolNodeAsync(new EnrolNode("n0", "52:54:00:00:00:01", new PowerSettings("manual"), DryRun: true), None);
        await op.EnrolNodeAsync(new EnrolNode("n1", "52:54:00:00:00:01", new PowerSettings("manual")), None);
        await op.EditNodeAsync("n1", new EditNode(Name: "n2"), None);
        await op.AdoptAsync("n2", None);
        await op.AdoptAsync("52:54:00:00:00:01", None);
        await Assert.ThrowsAsync<ProblemException>(() => op.RemoveNodeAsync("n2", None));
        await op.UnprotectAsync("n2", None);
        await op.RemoveNodeAsync("n2", None);
        await op.RemoveImageAsync("debian", None);
        Assert.Equal(
            [
                "Operator admin added image debian:12",
                "Operator admin enrolled node n1",
                "Operator admin edited node n1, which is n2 now",
                "Operator admin adopted node n2",
                "Operator admin took the protection from node n2",
                "Operator admin removed node n2",
                "Operator admin removed image debian:12",
            ],
            conductor.Log.Where(line => line.StartsWith("Operator ", StringComparison.Ordinal)));
        Assert.Single(conductor.Log, line => line.StartsWith("Trust document version 1 is in force, until ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Call_WithATokenThatIsNotKnown_SaysSo()
    {
        await using var conductor = await TestConductor.StartAsync();
        var refusal = await Assert.ThrowsAsync<ProblemException>(() => conductor.Connect($"bm1_00000000_{new string('0', 64)}").GetNodeAsync("n1", None));
        Assert.Equal(Problem.Unauthenticated, refusal.Problem.Type);
        Assert.Contains("not known to this conductor", refusal.Problem.Title, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FirstToken_IsForItsOwnerAloneAndMadeOnce()
    {
        await using var conductor = await TestConductor.StartAsync();
        foreach (var secret in new[] { "admin.token", "ca.key", "order.key", "secrets.key", "conductor.db" })
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(conductor.StatePath(secret)));
        var token = await File.ReadAllTextAsync(conductor.StatePath("admin.token"), None);
        await conductor.RestartAsync();
        Assert.Equal(token, await File.ReadAllTextAsync(conductor.StatePath("admin.token"), None));
        Assert.False(File.ReadAllBytes(conductor.StatePath("conductor.db")).AsSpan().IndexOf(Encoding.ASCII.GetBytes(token.Trim())) >= 0);
    }

    [Fact]
    public async Task IdempotencyKey_SentTwice_MakesOneAndForOtherWork_IsRefused()
    {
        await using var conductor = await TestConductor.StartAsync();
        var body = """{"name":"n1","mac":"52:54:00:00:01:01","power":{"driver":"manual"}}""";
        var first = await conductor.SendAsync(Post(Routes.Nodes, body, "a"));
        var second = await conductor.SendAsync(Post(Routes.Nodes, body, "a"));
        Assert.Equal(first.GetProperty("id").GetString(), second.GetProperty("id").GetString());
        Assert.Equal(HttpStatusCode.Conflict, await conductor.StatusAsync(Post(Routes.Nodes, body)));

        var inspect = Routes.For(Routes.NodeAction, "n1", NodeActions.Inspect);
        var job = await conductor.SendAsync(Post(inspect, "{}", "b"));
        var again = await conductor.SendAsync(Post(inspect, "{}", "b"));
        Assert.Equal(job.GetProperty("id").GetString(), again.GetProperty("id").GetString());
        Assert.Equal(HttpStatusCode.Conflict, await conductor.StatusAsync(Post(inspect, "{}")));
    }

    [Theory]
    [InlineData("{\"name\":\"n2\",\"mac\":\"52:54:00:00:01:01\",\"power\":{\"driver\":\"manual\"}}")]
    [InlineData("{\"name\":\"n1\",\"mac\":\"52:54:00:00:01:02\",\"power\":{\"driver\":\"manual\"}}")]
    [InlineData("{\"name\":\"n1\",\"mac\":\"52:54:00:00:01:01\",\"power\":{\"driver\":\"redfish\",\"address\":\"https://bmc\",\"username\":\"u\",\"password\":\"other\"}}")]
    public async Task IdempotencyKey_SentWithAnotherNode_IsRefused(string other)
    {
        await using var conductor = await TestConductor.StartAsync();
        await conductor.SendAsync(Post(Routes.Nodes, "{\"name\":\"n1\",\"mac\":\"52:54:00:00:01:01\",\"power\":{\"driver\":\"manual\"}}", "a"));
        var refusal = await conductor.SendAsync(Post(Routes.Nodes, other, "a"));
        Assert.Equal((422, "urn:baremetal:problem:key-reused"), (refusal.GetProperty("status").GetInt32(), refusal.GetProperty("type").GetString()));
    }

    [Fact]
    public async Task IdempotencyKey_SentWithAnotherDeployment_IsRefusedAndTheSameOneAnswered()
    {
        await using var site = await TestSite.StartAvailableAsync();
        var deploy = Routes.For(Routes.NodeDeployments, "n1");
        var job = await site.Conductor.SendAsync(Post(deploy, "{\"image\":\"debian\",\"userData\":\"a\"}", "a"));
        // The same call, if by another name of the node and from a client that writes its JSON otherwise.
        var again = await site.Conductor.SendAsync(Post(Routes.For(Routes.NodeDeployments, TestSite.Mac), "{ \"userData\": \"a\", \"image\": \"debian\" }", "a"));
        Assert.Equal(job.GetProperty("id").GetString(), again.GetProperty("id").GetString());
        Assert.Equal(HttpStatusCode.UnprocessableEntity, await site.Conductor.StatusAsync(Post(deploy, "{\"image\":\"debian\",\"userData\":\"b\"}", "a")));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, await site.Conductor.StatusAsync(Post(Routes.For(Routes.NodeAction, "n1", NodeActions.Inspect), "{}", "a")));
    }

    [Fact]
    public async Task IdempotencyKey_OfAConductorThatKeptNoRequests_IsStillKnown()
    {
        await using var conductor = await TestConductor.StartAsync();
        await conductor.Operator.EnrolNodeAsync(Node(1), None);
        var inspect = Routes.For(Routes.NodeAction, Node(1).Name, NodeActions.Inspect);
        var job = await conductor.SendAsync(Post(inspect, "{}", "b"));
        conductor.Database.Write(tx => tx.Sql.Execute(ToTheFirstVersion));
        await conductor.RestartAsync();
        var again = await conductor.SendAsync(Post(inspect, "{}", "b"));
        Assert.Equal(job.GetProperty("id").GetString(), again.GetProperty("id").GetString());
    }

    [Fact]
    public async Task Listing_InPages_GivesEachOnce()
    {
        await using var conductor = await TestConductor.StartAsync();
        for (var number = 1; number <= 5; number++)
            await conductor.Operator.EnrolNodeAsync(Node(number), None);
        var names = new List<string>();
        string? after = null;
        do
        {
            var page = await conductor.SendAsync(new HttpRequestMessage(HttpMethod.Get, $"{Routes.Nodes}?limit=2{(after is null ? "" : $"&after={after}")}"));
            names.AddRange(page.GetProperty("items").EnumerateArray().Select(node => node.GetProperty("name").GetString()!));
            after = page.TryGetProperty("next", out var next) ? next.GetString() : null;
        }
        while (after is not null);
        Assert.Equal(["n1", "n2", "n3", "n4", "n5"], names);
        Assert.Equal(HttpStatusCode.BadRequest, await conductor.StatusAsync(new HttpRequestMessage(HttpMethod.Get, $"{Routes.Nodes}?limit=0")));
    }

    [Fact]
    public async Task Node_FoundByIdNameAndMac_AndItsPasswordByNone()
    {
        await using var conductor = await TestConductor.StartAsync();
        var node = await conductor.Operator.EnrolNodeAsync(new EnrolNode("Web-1", "52-54-00-AA-BB-CC", new PowerSettings("redfish", "https://bmc", "ops", "s3cret-password")), None);
        foreach (var name in new[] { node.Id, "Web-1", "52:54:00:aa:bb:cc", "52:54:00:AA:BB:CC" })
            Assert.Equal(node, await conductor.Operator.GetNodeAsync(name, None) with { Trust = node.Trust });
        Assert.Null(node.Power.Password);
        await conductor.StopAsync();
        foreach (var file in Directory.GetFiles(conductor.Settings.StateDirectory, "conductor.db*"))
            Assert.True((await File.ReadAllBytesAsync(file, None)).AsSpan().IndexOf("s3cret-password"u8) < 0);
    }

    [Fact]
    public async Task Remove_WithAnOldRevision_IsRefused()
    {
        await using var conductor = await TestConductor.StartAsync();
        await conductor.Operator.EnrolNodeAsync(Node(1), None);
        HttpRequestMessage Delete(string etag) => new(HttpMethod.Delete, Routes.For(Routes.Node, "n1")) { Headers = { IfMatch = { new EntityTagHeaderValue(etag) } } };
        conductor.Database.Write(tx => tx.Sql.Execute("UPDATE nodes SET inventory = @inventory", new { inventory = TestAgent.Machine() }));
        await conductor.Operator.ApproveAsync("n1", None);
        Assert.Equal(HttpStatusCode.PreconditionFailed, await conductor.StatusAsync(Delete("\"1\"")));
        Assert.Equal(HttpStatusCode.NoContent, await conductor.StatusAsync(Delete("\"2\"")));
        Assert.Equal(404, (await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.GetNodeAsync("n1", None))).Problem.Status);
    }

    [Theory]
    [InlineData("""{"name":"-x","mac":"52:54:00:00:01:01","power":{"driver":"manual"}}""")]
    [InlineData("""{"name":"52-54-00-00-01-01","mac":"52:54:00:00:01:01","power":{"driver":"manual"}}""")]
    [InlineData("""{"name":"n1","mac":"01:00:5e:00:00:01","power":{"driver":"manual"}}""")]
    [InlineData("""{"name":"n1","mac":"52:54:00:00:01:01","power":{"driver":"ipmi"}}""")]
    [InlineData("""{"name":"n1","mac":"52:54:00:00:01:01","power":{"driver":"telepathy"}}""")]
    [InlineData("""{"name":"n1","mac":"52:54:00:00:01:01","power":{"driver":"redfish","address":"file:///etc/passwd"}}""")]
    [InlineData("""{"name":"n1","name":"n2","mac":"52:54:00:00:01:01","power":{"driver":"manual"}}""")]
    [InlineData("""{"name":"n1","mac":"52:54:00:00:01:01","power":{"driver":"manual"},"bootPolicy":"sometimes"}""")]
    [InlineData("""{"name":"n1"}""")]
    [InlineData("nothing")]
    public async Task Enrol_WhatIsNoNode_IsAProblemInWords(string body)
    {
        await using var conductor = await TestConductor.StartAsync();
        var problem = await conductor.SendAsync(Post(Routes.Nodes, body));
        Assert.Equal(400, problem.GetProperty("status").GetInt32());
        Assert.NotEqual("", problem.GetProperty("title").GetString());
    }

    [Fact]
    public async Task Call_ThatRoutingRefuses_IsAProblemInWords()
    {
        await using var conductor = await TestConductor.StartAsync();
        var method = await conductor.SendAsync(new HttpRequestMessage(HttpMethod.Put, Routes.Nodes));
        Assert.Equal((405, "/v1/nodes does not take PUT.", "It takes GET, POST."), Words(method));
        foreach (var body in new HttpContent[] { new StringContent("name: n1", Encoding.UTF8, "text/yaml"), new ByteArrayContent([0x7b]) })
        {
            var type = await conductor.SendAsync(new HttpRequestMessage(HttpMethod.Post, Routes.Nodes) { Content = body });
            Assert.Equal((415, $"The body of POST /v1/nodes is {body.Headers.ContentType?.ToString() ?? "of no type"}; it must be JSON.", "Send it with 'Content-Type: application/json'."), Words(type));
        }
        Assert.Equal((404, "There is no GET /v1/nothing.", "The API is described at /openapi/v1.json."), Words(await conductor.SendAsync(new HttpRequestMessage(HttpMethod.Get, "/v1/nothing"))));
        Assert.Equal(HttpStatusCode.NotFound, (await conductor.Plain.GetAsync(new Uri(Routes.Nodes, UriKind.Relative), None)).StatusCode);
    }

    [Theory]
    [InlineData("state=sleepy", "state is 'sleepy', which cannot be read.", "It is one of pending, enrolled, inspecting, available, deploying, active, cleaning, rescuing, failed, held.")]
    [InlineData("limit=all \"of them\"", "limit is 'all \"of them\"', which cannot be read.", "It is a whole number.")]
    public async Task QueryValue_ThatCannotBeRead_IsNamedWithWhatItMayBe(string query, string title, string remedy)
    {
        await using var conductor = await TestConductor.StartAsync();
        Assert.Equal((400, title, remedy), Words(await conductor.SendAsync(new HttpRequestMessage(HttpMethod.Get, $"{Routes.Nodes}?{query}"))));
    }

    private static (int Status, string Title, string Remedy) Words(JsonElement problem) =>
        (problem.GetProperty("status").GetInt32(), problem.GetProperty("title").GetString()!, problem.GetProperty("remedy").GetString()!);

    [Fact]
    public async Task Body_BeyondItsLimit_IsRefused()
    {
        await using var conductor = await TestConductor.StartAsync();
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, await conductor.StatusAsync(Post(Routes.Nodes, new string(' ', 2 << 20))));
    }

    [Fact]
    public async Task Operations_OnThePlainPort_Answer()
    {
        await using var conductor = await TestConductor.StartAsync();
        Assert.Equal("ok\n", await conductor.Plain.GetStringAsync(Routes.Health, None));
        Assert.Equal("ready\n", await conductor.Plain.GetStringAsync(Routes.Ready, None));
        Assert.StartsWith("-----BEGIN CERTIFICATE", await conductor.Plain.GetStringAsync(Routes.CaCertificate, None), StringComparison.Ordinal);
        Assert.Equal("the file vmlinuz", await conductor.Plain.GetStringAsync(Routes.BootKernel, None));
    }
}
