namespace Baremetal.Support;

/// <summary>How much random testing: some in every run, much more in <c>./test.sh soak</c>, with seeds that no run before had.</summary>
public static class Soak
{
    public static bool IsOn { get; } = Environment.GetEnvironmentVariable("BAREMETAL_SOAK") == "1";

    /// <summary>How many cases.</summary>
    public static int Cases(int usual, int inSoak) => IsOn ? inSoak : usual;

    /// <summary>The first seed: the same in every usual run, another in each soak. A failure names its seed.</summary>
    public static int FirstSeed { get; } = IsOn ? Random.Shared.Next(1 << 30) : 0;
}
