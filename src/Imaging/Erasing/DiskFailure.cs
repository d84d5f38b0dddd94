namespace Baremetal.Imaging.Erasing;

/// <summary>What a disk answers to a command, where its refusal is a fact to report and no end of the work.</summary>
internal static class DiskFailure
{
    /// <summary>Null if it went well.</summary>
    public static string? Of(Action act)
    {
        try
        {
            act();
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
    }
}
