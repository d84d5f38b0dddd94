using System.Data.Common;

namespace Baremetal.Conductor.Database;

/// <summary>The database's file, or the disk below it, is no good for what is to be written, whatever that is. Nothing of it was.</summary>
/// <param name="what">A sentence that names the file.</param>
/// <param name="remedy">What to do.</param>
/// <param name="cause">What the engine said.</param>
public sealed class DatabaseTroubleException(string what, string remedy, Exception? cause) : DbException($"{what} {remedy}", cause)
{
    public string What => what;

    public string Remedy => remedy;
}
