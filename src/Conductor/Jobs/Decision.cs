namespace Baremetal.Conductor.Jobs;

/// <summary>What a job does next.</summary>
public abstract record Decision
{
    /// <summary>For the log: what becomes of a job that is at a step.</summary>
    public string Describe(string step, int attempt) => this switch
    {
        Wait wait => $"{step} waits for {wait.For}",
        Do { Effect: Effect.BootFromNetwork } => $"{step}: starts the machine from the network",
        Do { Effect: Effect.Prepare or Effect.PrepareCleaning } => $"{step}: checks what would be written, and where",
        Advance advance => $"{step} → {advance.Step}",
        Again again => $"{step} → {Steps.BootFromNetwork}, attempt {attempt + 1}: {again.Cause}",
        Finish => $"{step} → done",
        Fail fail => $"{step} failed ({fail.Code}): {fail.Cause}",
        Abort => $"{step} → aborted",
        _ => throw new InvalidOperationException($"unknown decision {this}"),
    };

    /// <summary>Nothing before that time, unless something becomes known.</summary>
    public sealed record Wait(DateTimeOffset Until, string For) : Decision;

    /// <summary>Something out in the world. It may be done twice: when the conductor died between doing it and writing down that it did.</summary>
    public sealed record Do(Effect Effect) : Decision;

    /// <summary>On to this step of the plan.</summary>
    public sealed record Advance(string Step) : Decision;

    /// <summary>Back to netbooting the node, as a new attempt.</summary>
    public sealed record Again(string Cause) : Decision;

    public sealed record Finish : Decision;

    /// <param name="Code">One of <see cref="Api.FailureCodes"/>.</param>
    /// <param name="Cause">The same for people.</param>
    public sealed record Fail(string Code, string Cause) : Decision;

    public sealed record Abort : Decision;
}

/// <summary>What the worker can do in the world for a job.</summary>
public enum Effect
{
    /// <summary>One-time boot override, then power.</summary>
    BootFromNetwork,

    /// <summary>Check all that can be checked, choose the disk, build the config drive.</summary>
    Prepare,

    /// <summary>Choose the disks to erase.</summary>
    PrepareCleaning,
}
