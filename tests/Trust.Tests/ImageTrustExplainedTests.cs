using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Baremetal.Trust.Tests;

/// <summary>docs/image-trust-explained.md promises a test for each of its claims.</summary>
public sealed partial class ImageTrustExplainedTests
{
    [Fact]
    public void EveryNamedTest_Exists()
    {
        var root = Root();
        var page = File.ReadAllText(Path.Combine(root, "docs/image-trust-explained.md"));
        var named = TestName().Matches(page).Select(match => (Class: match.Groups["class"].Value, Test: match.Groups["test"].Value)).Distinct().ToArray();
        Assert.NotEmpty(named);

        var sources = Directory.GetFiles(Path.Combine(root, "tests"), "*Tests.cs", SearchOption.AllDirectories).ToLookup(Path.GetFileNameWithoutExtension);
        Assert.All(named, name => Assert.True(
            sources[name.Class].Any(file => File.ReadAllText(file).Contains($" {name.Test}(", StringComparison.Ordinal)),
            $"there is no test {name.Class}.{name.Test}"));
    }

    [GeneratedRegex(@"`(?<class>\w+Tests)\.(?<test>\w+)`", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex TestName();

    private static string Root([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../.."));
}
