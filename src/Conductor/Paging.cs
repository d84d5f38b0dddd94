namespace Baremetal.Conductor;

internal static class Paging
{
    private const int Unasked = 100;

    /// <summary>An answer of a thousand nodes with their inventories is a few megabytes: enough for one.</summary>
    private const int Most = 1000;

    public static int Limit(int? asked) => asked switch
    {
        null => Unasked,
        < 1 or > Most => throw Problems.Invalid($"limit is {asked}; it must be from 1 to {Most}."),
        { } limit => limit,
    };
}
