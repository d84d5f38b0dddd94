using Baremetal.EndToEnd;
using Xunit.Sdk;
using Xunit.v3;

[assembly: TestCollectionOrderer(typeof(LongestFirst))]

namespace Baremetal.EndToEnd;

/// <summary>Three classes run at a time, since firmware and network are waited for much of it. The longest begin, so that none of them is left to run alone at the end.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    private static readonly Type[] Long = [typeof(FleetTests), typeof(RunnerRoleTests), typeof(WholeWayTests), typeof(WholeWayBesideAnotherServerTests), typeof(DeathTests), typeof(ServiceTests), typeof(PowerCutTests), typeof(TamperTests), typeof(DiscoveryTests)];

    public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(IReadOnlyCollection<TTestCollection> testCollections)
        where TTestCollection : ITestCollection =>
        [.. testCollections.OrderBy(one => RankOf(one))];

    private static int RankOf(ITestCollection collection)
    {
        var rank = Array.FindIndex(Long, type => collection.TestCollectionDisplayName.Contains(type.FullName!, StringComparison.Ordinal));
        return rank < 0 ? Long.Length : rank;
    }
}
