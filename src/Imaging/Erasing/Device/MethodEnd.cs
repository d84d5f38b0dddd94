namespace Baremetal.Imaging.Erasing.Device;

/// <summary>What came of one way to make a disk erase itself.</summary>
internal sealed class MethodEnd
{
    public static readonly MethodEnd Done = new(null, isRefused: false);

    private MethodEnd(string? why, bool isRefused) => (Why, IsRefused) = (why, isRefused);

    /// <summary>Why it is not erased; null if it is.</summary>
    public string? Why { get; }

    /// <summary>Nothing was done to the disk: another way may be tried.</summary>
    public bool IsRefused { get; }

    public static MethodEnd Refused(string why) => new(why, isRefused: true);

    public static MethodEnd Failed(string why) => new(why, isRefused: false);
}
