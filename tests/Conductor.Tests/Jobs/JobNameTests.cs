using Baremetal.Api;
using Baremetal.Conductor.Tests.World;
using Dapper;

namespace Baremetal.Conductor.Tests.Jobs;

public sealed class JobNameTests
{
    private const string Older = "01a1b2c3-0000-7000-8000-000000000001";
    private const string Newer = "01a1b2c3-0001-7000-8000-000000000002";

    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Job_ByTheBeginningOfItsId_IsFoundFollowedAndAbortedUnlessAnotherBeginsSo()
    {
        await using var conductor = await TestConductor.StartAsync();
        foreach (var (number, id) in new[] { Older, Newer }.Index())
        {
            await conductor.Operator.EnrolNodeAsync(new EnrolNode($"n{number}", $"52:54:00:00:00:0{number + 1}", new PowerSettings("manual")), None);
            var job = await conductor.Operator.InspectAsync($"n{number}", None);
            await conductor.Operator.AbortJobAsync(job.Id, None);
            await Until.JobEndAsync(conductor.Operator, job.Id);
            conductor.Database.Write(tx =>
            {
                tx.Sql.Execute("PRAGMA defer_foreign_keys = ON");
                tx.Sql.Execute("UPDATE job_steps SET job = @id WHERE job = @given", new { id, given = job.Id });
                tx.Sql.Execute("UPDATE events SET job = @id WHERE job = @given", new { id, given = job.Id });
                return tx.Sql.Execute("UPDATE jobs SET id = @id WHERE id = @given", new { id, given = job.Id });
            });
        }

        Assert.Equal(Newer, (await conductor.Operator.GetJobAsync("01A1B2C3-0001", None)).Id);
        Assert.Equal(Older, (await conductor.Operator.GetJobAsync(Older, None)).Id);
        var last = "";
        await foreach (var one in conductor.Operator.FollowJobAsync("01a1b2c3-0000", 0, None))
            last = one.Kind;
        Assert.Equal(EventKinds.JobFinished, last);
        Assert.Contains(Older, (await RefusalAsync(() => conductor.Operator.AbortJobAsync("01a1b2c3-0000", None))).Title, StringComparison.Ordinal);

        var refusal = await RefusalAsync(() => conductor.Operator.GetJobAsync("01a1", None));
        Assert.Equal(409, refusal.Status);
        Assert.Contains(Newer, refusal.Title, StringComparison.Ordinal);
        foreach (var none in new[] { "01a", "01a1b2c4", "%", "01a1%" })
            Assert.Equal(404, (await RefusalAsync(() => conductor.Operator.GetJobAsync(none, None))).Status);
    }

    private static async Task<Problem> RefusalAsync(Func<Task> call) => (await Assert.ThrowsAsync<ProblemException>(call)).Problem;
}
