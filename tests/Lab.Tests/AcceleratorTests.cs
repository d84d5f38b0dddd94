namespace Baremetal.Lab.Tests;

[Trait(Traits.Needs, Traits.VirtualServers)]
public sealed class AcceleratorTests
{
    [Theory]
    [InlineData("tcg,thread=multi", true)]
    [InlineData("none-such", false)]
    public async Task Runs_AGuest_IsWhatTheTrialFound(string arguments, bool expected)
        => Assert.Equal(expected, await Accelerator.RunsAsync(new Accelerator("trial", arguments), TestContext.Current.CancellationToken));
}
