namespace Baremetal.Lab.Tests;

public sealed class BuildOutputsTests
{
    [Fact]
    public void Conductor_BuiltWithTheLab_IsFound() => Assert.StartsWith(BuildOutputs.Root, BuildOutputs.Conductor, StringComparison.Ordinal);

    [Fact]
    public void Require_NotBuilt_NamesTheFileAndItsMaker()
    {
        var error = Assert.Throws<FileNotFoundException>(() => BuildOutputs.Require("build/images/none.qcow2", "lab/images/none.sh"));

        Assert.Contains(Path.Combine(BuildOutputs.Root, "build/images/none.qcow2"), error.Message, StringComparison.Ordinal);
        Assert.Contains("lab/images/none.sh", error.Message, StringComparison.Ordinal);
    }
}
