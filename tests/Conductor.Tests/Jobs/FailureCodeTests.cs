using System.Reflection;
using Baremetal.Api;
using Baremetal.Conductor.Jobs;
using Baremetal.Conductor.Tests.World;
using Baremetal.Lab;

namespace Baremetal.Conductor.Tests.Jobs;

/// <summary>The words for why a job failed: all of them are documented, used, and told.</summary>
public sealed class FailureCodeTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    private static readonly FieldInfo[] Codes = [.. typeof(FailureCodes).GetFields(BindingFlags.Public | BindingFlags.Static).Where(field => field.IsLiteral)];

    [Fact]
    public void Documentation_HasALineForEachCodeAndForNoOther()
    {
        var chapter = File.ReadAllLines(Path.Combine(BuildOutputs.Root, "docs", "operating.md")).SkipWhile(line => line != "### What to do");
        var documented = chapter.Where(line => line.StartsWith("| `", StringComparison.Ordinal)).Select(line => line.Split('`')[1]).Order(StringComparer.Ordinal);

        Assert.Equal(Codes.Select(code => (string)code.GetRawConstantValue()!).Order(StringComparer.Ordinal), documented);
    }

    [Fact]
    public void EachCode_IsGivenSomewhere()
    {
        var source = string.Concat(Directory.EnumerateFiles(Path.Combine(BuildOutputs.Root, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(file => Path.GetFileName(file) != "FailureCodes.cs").Select(File.ReadAllText));

        Assert.All(Codes, code => Assert.Contains($"FailureCodes.{code.Name}", source, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(OrderSteps.WriteImage, null, FailureCodes.DiskFailed)]
    [InlineData(OrderSteps.WriteImage, FailureCodes.SourceFailed, FailureCodes.SourceFailed)]
    [InlineData(OrderSteps.WriteImage, "struck-by-lightning", FailureCodes.DiskFailed)]
    [InlineData(OrderSteps.WriteImage, FailureCodes.Alarm, FailureCodes.DiskFailed)]
    [InlineData(OrderSteps.SetBootDisk, null, FailureCodes.BootEntryFailed)]
    [InlineData(OrderSteps.Reboot, null, FailureCodes.RebootFailed)]
    public async Task StepThatFailed_HasTheCodeOfItsAgentIfThatKnewMore(string step, string? told, string expected)
    {
        await using var site = await TestSite.StartAvailableAsync();
        var job = await site.DeployAsync();
        var order = await site.OrderAsync();
        foreach (var before in order.Steps.TakeWhile(one => one.Name != step))
            await site.Agent.ReportAsync(order, before.Name, StepOutcome.Done);
        await site.Agent.ReportAsync(order, step, StepOutcome.Failed, "No.", code: told);

        Assert.Equal(expected, (await Until.JobEndAsync(site.Conductor.Operator, job.Id)).FailureCode);
    }

    [Fact]
    public async Task JobThatEndedWell_OrWasAborted_HasNone()
    {
        await using var site = await TestSite.StartAvailableAsync();
        var job = await site.DeployAsync();
        await site.Conductor.Operator.AbortJobAsync(job.Id, None);

        Assert.Null((await Until.JobEndAsync(site.Conductor.Operator, job.Id)).FailureCode);
    }

    [Theory]
    [InlineData(OrderSteps.WriteImage)]
    [InlineData(OrderSteps.RemoveConfigDrives)]
    [InlineData(OrderSteps.SetBootDisk)]
    [InlineData(OrderSteps.Reboot)]
    [InlineData(OrderSteps.Erase)]
    [InlineData(OrderSteps.Rescue)]
    public void EachOrderedStep_HasACode(string step) => Assert.NotEmpty(Steps.FailureOf(step));
}
