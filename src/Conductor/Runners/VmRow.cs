using Baremetal.Api;
using Baremetal.Trust;

namespace Baremetal.Conductor.Runners;

/// <summary>A VM as the table has it: what it shall be, and how its runner last found it.</summary>
public sealed record VmRow
{
    public required string Id { get; init; }

    public required string Runner { get; init; }

    public required string Name { get; init; }

    /// <summary>Without the user data.</summary>
    public required CreateVm Spec { get; init; }

    /// <summary>What the runner pulls from us; null where <see cref="CreateVm.Image"/> is of another registry.</summary>
    public string? OwnImage { get; init; }

    public byte[]? UserData { get; init; }

    public VmTarget Target { get; init; }

    /// <summary>Goes up with each start that is asked for; 0 where it was never to run.</summary>
    public long Run { get; init; }

    /// <summary>The runner's, since when this VM's order is as it is.</summary>
    public long OrderRevision { get; init; }

    /// <summary>The Idempotency-Key of the last restart.</summary>
    public string? RestartKey { get; init; }

    public DateTimeOffset Created { get; init; }

    public string? IdempotencyKey { get; init; }

    public Digest? RequestSha256 { get; init; }

    /// <summary>As reported; null before the first report that has it.</summary>
    public VmState? State { get; init; }

    public DateTimeOffset? Since { get; init; }

    public long ReportedRun { get; init; }

    public string? Cause { get; init; }

    public int? ExitCode { get; init; }

    public string? ImageDigest { get; init; }

    public string? Address { get; init; }

    public string? Mac { get; init; }

    public string? Accelerator { get; init; }

    public static string UserDataPlace(string id) => $"vms|user_data|{id}";

    /// <summary>As the API shows it, by what is known of its runner.</summary>
    internal Vm ToApi(RunnerRow runner, bool isLost)
    {
        var (state, since, cause) = VmStanding.Of(this, runner, isLost);
        return new Vm(Id, Name, runner.Name, state, since, Target, Spec, UserData is not null, Created, cause, ExitCode, ImageDigest, Address, Mac, Accelerator);
    }
}
