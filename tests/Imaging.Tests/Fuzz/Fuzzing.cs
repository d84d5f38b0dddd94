using System.Runtime.CompilerServices;
using Baremetal.Support;
using Baremetal.Trust;

namespace Baremetal.Imaging.Tests.Fuzz;

/// <summary>What every parser owes to every input: no exception, a refusal that says why, and bounded memory.</summary>
internal static class Fuzzing
{
    private const long MostAllocated = 64 << 20;

    /// <summary>Cases a parser.</summary>
    public static int Cases { get; } = Soak.Cases(100_000, inSoak: 10_000_000);

    /// <summary>Inputs that a parser once failed at, by the beginning of their names.</summary>
    public static IEnumerable<byte[]> Crashers(string parser) => Directory.GetFiles(Folder(), $"{parser}-*").Order(StringComparer.Ordinal).Select(File.ReadAllBytes);

    /// <summary>Runs one case; an input that breaks the rules is kept, to become a fixture.</summary>
    public static void Run(string parser, string what, byte[] input, Action parse)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            parse();
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MostAllocated);
        }
        catch (Exception e)
        {
            var path = Path.Combine(Path.GetTempPath(), $"{parser}-{Digest.Of(input).ToString()[..12]}");
            File.WriteAllBytes(path, input);
            throw new InvalidOperationException($"{what}: {e.GetType().Name}: {e.Message} The input is {path}; when mended, keep it in tests/Imaging.Tests/Crashers.", e);
        }
    }

    public static void AssertTold(Rejection? rejection)
    {
        Assert.NotNull(rejection);
        Assert.NotEmpty(rejection.Cause);
        Assert.False(string.IsNullOrEmpty(rejection.Remedy), rejection.Cause);
    }

    private static string Folder([CallerFilePath] string here = "") => Path.Combine(Path.GetDirectoryName(here)!, "..", "Crashers");
}
