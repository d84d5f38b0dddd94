namespace Baremetal.Support;

/// <summary>
/// Many cases against one parser. It may refuse or accept, in bounded memory; an exception of any kind is a bug. A case that finds one is kept
/// in a file that the failure names, to become a fixture.
/// </summary>
public static class Fuzz
{
    private const long MaxAllocated = 64 << 20;

    /// <summary>How many cases a test runs: a hundred times as many in a soak.</summary>
    public static int Cases(int usual = 100_000) => Soak.Cases(usual, 100 * usual);

    /// <param name="name">Of the parser, for the file.</param>
    /// <param name="next">Makes a case.</param>
    /// <param name="accepts">Parses it: whether it was accepted.</param>
    /// <returns>How many were accepted.</returns>
    public static int Run(string name, Func<byte[]> next, Func<byte[], bool> accepts)
    {
        var accepted = 0;
        for (var i = Cases(); i > 0; i--)
        {
            var bytes = next();
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                accepted += accepts(bytes) ? 1 : 0;
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"The case {Keep(name, bytes)} ended the {name} parser: {e.Message}", e);
            }
            if (GC.GetAllocatedBytesForCurrentThread() - before is var allocated and > MaxAllocated)
                throw new InvalidOperationException($"The case {Keep(name, bytes)} made the {name} parser take {allocated} bytes.");
        }
        return accepted;
    }

    private static string Keep(string name, byte[] bytes)
    {
        var path = Path.Combine(Path.GetTempPath(), $"crash-{name}-{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes))[..12]}");
        File.WriteAllBytes(path, bytes);
        return path;
    }
}
