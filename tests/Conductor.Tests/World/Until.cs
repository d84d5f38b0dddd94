using Baremetal.Api;
using Baremetal.Api.Client;

namespace Baremetal.Conductor.Tests.World;

/// <summary>Waits for something to become true, for as long as a busy machine may need, and says what it waited for.</summary>
internal static class Until
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(20);

    public static Task TrueAsync(Func<Task<bool>> condition, string what) => TrueAsync(condition, () => what);

    public static async Task TrueAsync(Func<Task<bool>> condition, Func<string> what)
    {
        using var end = new CancellationTokenSource(Patience);
        using var timer = new PeriodicTimer(Pace);
        try
        {
            while (!await condition())
                await timer.WaitForNextTickAsync(end.Token);
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"Waited {Patience.TotalSeconds} s for {what()}.");
        }
    }

    public static async Task<T> DoneAsync<T>(Task<T> task, string what)
    {
        try
        {
            return await task.WaitAsync(Patience);
        }
        catch (TimeoutException)
        {
            Assert.Fail($"Waited {Patience.TotalSeconds} s for {what}.");
            throw;
        }
    }

    public static async Task<Job> JobAsync(ConductorClient client, string id, Predicate<Job> condition, string what)
    {
        Job? job = null;
        await TrueAsync(async () => condition(job = await client.GetJobAsync(id, CancellationToken.None)), () => $"{what}; the job is {job}");
        return job!;
    }

    public static Task<Job> JobAtAsync(ConductorClient client, string id, string step) => JobAsync(client, id, job => job.Step == step || job.Finished is not null, $"step {step}");

    public static Task<Job> JobEndAsync(ConductorClient client, string id) => JobAsync(client, id, job => job.Finished is not null, "the job's end");
}
