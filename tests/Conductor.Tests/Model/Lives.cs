using FsCheck;
using FsCheck.Fluent;

namespace Baremetal.Conductor.Tests.Model;

/// <summary>Random lives of a node. What moves jobs on comes more often than what disturbs them, so that all steps are reached.</summary>
internal static class Lives
{
    private static readonly Gen<Happening> One = Gen.Frequency(
        (4, Gen.Elements(Happening.Inspect, Happening.Approve, Happening.Deploy)),
        (3, Gen.Elements(Happening.Clean, Happening.Release, Happening.Adopt, Happening.Rescue, Happening.EndRescue)),
        (1, Gen.Elements(Happening.Protect, Happening.Unprotect, Happening.BeginMaintenance, Happening.EndMaintenance, Happening.Abort)),
        (6, Gen.Constant(Happening.Boot)),
        (20, Gen.Constant(Happening.Obey)),
        (3, Gen.Constant(Happening.SystemAsks)),
        (2, Gen.Elements(Happening.AgentRestarts, Happening.PowerIsLost, Happening.FormerAgentSpeaks, Happening.FailStep)),
        (1, Gen.Elements(Happening.ControllerGoes, Happening.ControllerComes, Happening.ControllerComes)),
        (1, Gen.Elements(Happening.ConductorIsRestarted, Happening.ConductorDies, Happening.ConductorDies)),
        (1, Gen.Elements(Happening.MinutesPass, Happening.HoursPass, Happening.ClockIsSetBack, Happening.ClockIsSetForward)));

    /// <summary>Every other one begins as most nodes do, approved and being deployed.</summary>
    private static readonly Gen<Happening[]> Beginning = Gen.Elements<Happening[]>(
        [],
        [Happening.Inspect, Happening.Boot, Happening.Approve, Happening.Deploy]);

    public static Arbitrary<Happening[]> Of(int length) => Arb.From(
        from beginning in Beginning
        from rest in Gen.ArrayOf(One, length)
        select beginning.Concat(rest).ToArray(),
        Shorter);

    // Each try costs a conductor's life: a few cuts tell nearly as much as all.
    private static IEnumerable<Happening[]> Shorter(Happening[] life)
    {
        for (var cut = life.Length / 2; cut > 0; cut /= 2)
        {
            yield return life[..^cut];
            yield return life[cut..];
        }
    }
}
