using System.Globalization;

namespace Baremetal.Conductor.Settings;

/// <summary>
/// One conductor for one state. The kernel holds the lock for this process's life (flock(2), by which .NET takes <see cref="FileShare.None"/>):
/// whatever kills the process, nothing is left behind that would keep the next one from starting.
/// </summary>
internal sealed class StateLock : IDisposable
{
    // The errno of Linux, which .NET hands on as it is.
    private const int WouldBlock = 11;
    private const int ReadOnlyFileSystem = 30;

    private readonly FileStream? _file;

    public StateLock(StateDirectory state)
    {
        try
        {
            _file = new FileStream(state.Lock, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (e.HResult == WouldBlock)
        {
            throw new IOException($"Another conductor{HolderOf(state)} runs on {state.Root}; stop it, or give this one a state directory of its own.", e);
        }
        catch (IOException e) when (e.HResult == ReadOnlyFileSystem)
        {
            // Nobody can write there; the database will say so, of the file that matters.
            return;
        }
        TellWhoHolds(state);
    }

    public void Dispose() => _file?.Dispose();

    /// <summary>Beside the lock, since nobody else can read the file that is locked. A disk that is too full for it keeps no conductor from starting.</summary>
    private static void TellWhoHolds(StateDirectory state)
    {
        try
        {
            File.WriteAllText(state.ProcessId, Environment.ProcessId.ToString(CultureInfo.InvariantCulture) + "\n");
        }
        catch (IOException)
        {
            File.Delete(state.ProcessId);
        }
    }

    private static string HolderOf(StateDirectory state)
    {
        try
        {
            return $" (pid {int.Parse(File.ReadAllText(state.ProcessId), CultureInfo.InvariantCulture)})";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException or OverflowException)
        {
            // It has only just started, or had no room for it.
            return "";
        }
    }
}
