namespace Baremetal.Conductor.Tests.Model;

/// <summary>What may happen to a node at any moment, whether it makes sense or not.</summary>
public enum Happening
{
    // An operator calls.
    Inspect,
    Approve,
    Adopt,
    Deploy,
    Clean,
    Release,
    Rescue,
    EndRescue,
    Protect,
    Unprotect,
    BeginMaintenance,
    EndMaintenance,
    Abort,

    // The machine does what it was started for.
    Boot,
    Obey,
    FailStep,
    SystemAsks,

    // It does not.
    AgentRestarts,
    PowerIsLost,
    FormerAgentSpeaks,

    // The world around it.
    ControllerGoes,
    ControllerComes,
    ConductorIsRestarted,
    ConductorDies,
    MinutesPass,
    HoursPass,
    ClockIsSetBack,
    ClockIsSetForward,
}
