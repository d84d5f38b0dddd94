namespace Baremetal.Conductor.Runners;

/// <summary>Whether a runner is still there. A report comes every ten seconds.</summary>
internal sealed class RunnerPresence(TimeProvider time)
{
    public static readonly TimeSpan Silence = TimeSpan.FromSeconds(60);

    /// <summary>Nobody is missed who could not be heard.</summary>
    private readonly DateTimeOffset _listensSince = time.GetUtcNow();

    public bool IsLost(RunnerRow runner) => time.GetUtcNow() - (runner.LastSeen > _listensSince ? runner.LastSeen : _listensSince) > Silence;
}
