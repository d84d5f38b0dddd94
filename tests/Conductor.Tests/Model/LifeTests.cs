using Baremetal.Support;
using FsCheck;
using FsCheck.Fluent;

namespace Baremetal.Conductor.Tests.Model;

/// <summary>
/// Operators, machines, controllers, clocks and deaths in any order. Whatever comes: a working state and an unfinished job go together; the
/// states follow the table; nobody gets an order who may not have one, or for what is done; what a former agent says counts for nothing; and
/// every job ends.
/// </summary>
public sealed class LifeTests
{
    private const int Length = 40;

    [Fact]
    public void Node_WhateverHappens_IsTrueToTheTableAndEveryJobEnds()
    {
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(Soak.Cases(12, inSoak: 2_000)).WithReplay((ulong)Soak.FirstSeed + 1, 1),
            Prop.ForAll(Lives.Of(Length), life => LiveAsync(life).GetAwaiter().GetResult()));
    }

    public static TheoryData<string, Happening[]> WentWrongOnce { get; } = new()
    {
        { "an effect is claimed, the clock set back, and the process dies", [Happening.ConductorIsRestarted, Happening.ClockIsSetBack, Happening.ConductorDies, Happening.Inspect] },
    };

    [Theory]
    [MemberData(nameof(WentWrongOnce))]
    public async Task Life_ThatWentWrongOnce_GoesWell(string what, Happening[] life)
    {
        Assert.NotEmpty(what);
        await LiveAsync(life);
    }

    private static async Task LiveAsync(Happening[] life)
    {
        await using var world = await LifeWorld.StartAsync();
        foreach (var happening in life)
        {
            await world.LetAsync(happening);
            await world.CheckAsync();
        }
        await world.EndAsync();
        await world.CheckTrailAsync();
    }
}
