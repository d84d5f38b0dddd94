namespace Baremetal.Api.Tests;

public sealed class RoutesTests
{
    [Fact]
    public void For_ValuesWithReservedCharacters_EscapesEach()
        => Assert.Equal("/v1/nodes/a%2Fb/inspect", Routes.For(Routes.NodeAction, "a/b", "inspect"));
}
