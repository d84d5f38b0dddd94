using Baremetal.Api;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Jobs;
using Baremetal.Conductor.Tests.World;
using Dapper;

namespace Baremetal.Conductor.Tests.Database;

/// <summary>What becomes of the database's file, made to happen to a real one.</summary>
public sealed class DatabaseTroubleTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task DiskFull_InTheMiddleOfADeploy_LosesNothingAndTheDeployGoesOnWhenThereIsRoom()
    {
        using var disk = new SmallDisk(mebibytes: 64);
        await using var site = await TestSite.StartAsync(settings => settings with { StateDirectory = Path.Combine(disk.Path, "state") });
        var inspection = await site.Conductor.Operator.InspectAsync("n1", None);
        await site.BootAgentAsync(inspection);
        await Until.JobEndAsync(site.Conductor.Operator, inspection.Id);
        await site.Conductor.Operator.ApproveAsync("n1", None);
        var job = await site.DeployAsync();
        var order = await site.OrderAsync();
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, OrderSteps.WriteImage);

        disk.Fill();
        var refusal = await Assert.ThrowsAsync<ProblemException>(() => site.Agent.ReportAsync(order, OrderSteps.WriteImage, StepOutcome.Done));
        Assert.Equal(
            (507, $"The disk that holds the database {site.Conductor.StatePath("conductor.db")} is full."), (refusal.Problem.Status, refusal.Problem.Title));
        Assert.StartsWith("Make room there", refusal.Problem.Remedy, StringComparison.Ordinal);
        // What needs no room is answered.
        Assert.Equal(OrderSteps.WriteImage, (await site.Conductor.Operator.GetJobAsync(job.Id, None)).Step);

        disk.MakeRoom();
        foreach (var step in order.Steps)
            await site.Agent.ReportAsync(order, step.Name, StepOutcome.Done);
        await Until.JobAtAsync(site.Conductor.Operator, job.Id, Steps.WaitForSystem);
        await site.Conductor.PassAsync(TimeSpan.FromSeconds(1));
        site.SeeSystem();
        Assert.Equal(JobOutcome.Done, (await Until.JobEndAsync(site.Conductor.Operator, job.Id)).Outcome);
    }

    [Fact]
    public async Task ReadOnly_AtTheStart_IsRefusedNamingTheFile()
    {
        using var disk = new SmallDisk(mebibytes: 16);
        await using var conductor = await TestConductor.StartAsync(settings => settings with { StateDirectory = Path.Combine(disk.Path, "state") });
        await conductor.StopAsync();
        disk.MakeReadOnly();

        var error = await Assert.ThrowsAsync<DatabaseTroubleException>(() => conductor.RestartAsync());

        Assert.StartsWith($"The database {conductor.StatePath("conductor.db")} cannot be written: ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task MadeByANewerConductor_IsRefusedAndLeftAsItIs()
    {
        await using var conductor = await TestConductor.StartAsync();
        conductor.Database.Write(tx => tx.Sql.Execute("UPDATE schema_version SET version = 1000"));

        var error = await Assert.ThrowsAsync<InvalidDataException>(() => conductor.RestartAsync());

        Assert.Contains("is of version 1000, made by a newer conductor", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a page of noise")]
    [InlineData("another file")]
    [InlineData("cut")]
    public async Task Damaged_AtTheStart_IsRefusedNamingTheFileAndLeftAsItIs(string damage)
    {
        await using var conductor = await TestConductor.StartAsync();
        await conductor.StopAsync();
        var path = conductor.StatePath("conductor.db");
        var bytes = await File.ReadAllBytesAsync(path, None);
        switch (damage)
        {
            case "a page of noise":
                new Random(7).NextBytes(bytes.AsSpan(4096, 4096));
                break;
            case "another file":
                bytes = "This was a database once, and somebody's editor has saved something else over it.\n"u8.ToArray();
                break;
            default:
                bytes = bytes[..(bytes.Length / 2)];
                break;
        }
        await File.WriteAllBytesAsync(path, bytes, None);

        var error = await Assert.ThrowsAsync<DatabaseTroubleException>(() => conductor.RestartAsync());

        Assert.StartsWith($"The database {path} is damaged: ", error.Message, StringComparison.Ordinal);
        Assert.Contains("Restore", error.Message, StringComparison.Ordinal);
        Assert.Equal(bytes, await File.ReadAllBytesAsync(path, None));
    }
}
