using Baremetal.Api;
using Baremetal.Conductor.Jobs;
using Baremetal.Conductor.Tests.World;

namespace Baremetal.Conductor.Tests.Agents;

/// <summary>
/// An agent of release 0.1, by the bytes that it sends. A machine that is deployed while its conductor is upgraded has one, so that what it says must stay
/// understood: this file is added to, and never changed.
/// </summary>
public sealed class OlderAgentTests
{
    private const string Inventory = """
        {"processor":{"model":"QEMU Virtual CPU","architecture":"x86_64","sockets":1,"cores":2,"threads":2},"memoryBytes":1073741824,
         "disks":[{"name":"vda","sizeBytes":8589934592,"serial":"disk-1","bus":"virtio","rotational":false,"readOnly":false,"logicalSectorBytes":512,"physicalSectorBytes":512,"byPath":"pci-0000:00:04.0"}],
         "networkInterfaces":[{"name":"eth0","mac":"52:54:00:00:00:01","speedMbit":1000,"carrier":true,"driver":"virtio_net","addresses":["10.0.0.10"],"boot":true}],
         "firmware":"bios","system":{"manufacturer":"QEMU","product":"Standard PC","serial":"s-1","uuid":"6f0b3d0e-8d1f-4f6c-9d57-0d1f0c7a4b11","firmwareVendor":"SeaBIOS","firmwareVersion":"1.16"}}
        """;

    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Deploy_ByAnAgentOfRelease01_GoesItsWay()
    {
        await using var site = await TestSite.StartAvailableAsync();
        await site.Agent.TellAsync(Routes.AgentInventory, Inventory);
        var job = await site.DeployAsync();
        var order = await site.OrderAsync();
        var (boot, nonce) = (order.BootId, order.AgentNonce);

        Task Step(string step, string rest) => site.Agent.TellAsync(
            Routes.For(Routes.AgentStep, order.OrderId), $$"""{"bootId":"{{boot}}","agentNonce":"{{nonce}}","step":"{{step}}",{{rest}}}""");

        await Step("write-image", """ "outcome":"started" """);
        foreach (var phase in new[] { "checking", "comparing", "zeroing", "writing", "reading-back", "finishing" })
        {
            await site.Agent.TellAsync(Routes.AgentHeartbeat,
                $$"""{"bootId":"{{boot}}","orderId":"{{order.OrderId}}","step":"write-image","progress":{"doneBytes":1,"totalBytes":2,"wireBytes":1,"bytesPerSecond":0.5,"phase":"{{phase}}","map":"ZHWRzhwr."},"peakMemoryBytes":84000000}""");
        }
        await site.Agent.TellAsync(Routes.AgentHeartbeat, $$"""{"bootId":"{{boot}}","peakMemoryBytes":84000000}""");
        await site.Agent.TellAsync(Routes.AgentLog, """{"text":"all is well\n"}""");
        await Step("write-image", """ "outcome":"done","result":{"wireBytes":1,"writtenBytes":2,"zeroedBytes":3,"reusedBytes":4,"seconds":5.5,"peakMemoryBytes":6} """);
        await Step("set-boot-disk", """ "outcome":"done" """);
        await Step("reboot", """ "outcome":"started" """);
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, Steps.WaitForSystem);
        await site.Conductor.PassAsync(TimeSpan.FromSeconds(1));
        site.SeeSystem();

        job = await Until.JobEndAsync(site.Conductor.Operator, job.Id);
        Assert.Equal((JobOutcome.Done, 4L), (job.Outcome, job.Result!.ReusedBytes));
        var node = await site.NodeAsync();
        Assert.Equal("disk-1", Assert.Single(node.Inventory!.Disks).Serial);
    }

    [Fact]
    public async Task Failure_ToldByAnAgentOfRelease01_HasItsCauseAndTheCodeOfItsStep()
    {
        await using var site = await TestSite.StartAvailableAsync();
        var job = await site.DeployAsync();
        var order = await site.OrderAsync();

        await site.Agent.TellAsync(Routes.For(Routes.AgentStep, order.OrderId),
            $$"""{"bootId":"{{order.BootId}}","agentNonce":"{{order.AgentNonce}}","step":"write-image","outcome":"failed","cause":"vda: write: Input/output error"}""");

        job = await Until.JobEndAsync(site.Conductor.Operator, job.Id);
        Assert.Equal(("vda: write: Input/output error", FailureCodes.DiskFailed), (job.Cause, job.FailureCode));
    }

    [Fact]
    public async Task Cleaning_ByAnAgentOfRelease01_IsReported()
    {
        await using var site = await TestSite.StartAvailableAsync();
        var job = await site.Conductor.Operator.CleanAsync("n1", new CleanNode(), None);
        var order = await site.OrderAsync();

        await site.Agent.TellAsync(Routes.For(Routes.AgentStep, order.OrderId),
            $$"""{"bootId":"{{order.BootId}}","agentNonce":"{{order.AgentNonce}}","step":"erase","outcome":"done","erased":[{"name":"vda","serial":"disk-1","sizeBytes":8589934592,"erasedBytes":8388608,"failedBytes":0,"samples":258}]}""");

        job = await Until.JobEndAsync(site.Conductor.Operator, job.Id);
        Assert.Equal((JobOutcome.Done, 258), (job.Outcome, Assert.Single(job.Cleaning!.Report!).Samples));
    }
}
