using System.Data;

namespace Baremetal.Conductor.Database;

/// <summary>
/// The record of everything, and all that is asked of the engine that keeps it. Statements stand in the features' folders, in SQL that
/// SQLite and PostgreSQL both speak; what the two do differently is here.
/// </summary>
public interface IDatabase : IDisposable
{
    /// <summary>Told after each commit that changed something. A hint to look, never the truth.</summary>
    event EventHandler? Changed;

    T Read<T>(Func<IDbConnection, T> query);

    /// <summary>Runs one transaction. When this returns, what it wrote is on the disk; when it throws, nothing of it is.</summary>
    T Write<T>(Func<WriteTransaction, T> work);

    /// <summary>
    /// Takes the job that has been due the longest and that nobody holds: raises its fence, and holds it for <paramref name="lease"/> in
    /// case the transaction says so by leaving the lease as it is. Null when nothing is due.
    /// </summary>
    string? Claim(WriteTransaction tx, string owner, TimeSpan lease);

    /// <summary>Holds a claimed job for longer; false when another has claimed it since.</summary>
    bool Renew(string job, long fence, TimeSpan lease);
}

/// <summary>Proof that a transaction is open: whatever writes asks for one.</summary>
/// <param name="Now">The engine's clock at the start, for every time that the transaction writes and every lease that it judges.</param>
public sealed record WriteTransaction(IDbConnection Sql, DateTimeOffset Now);

public static class DatabaseExtensions
{
    public static void Write(this IDatabase database, Action<WriteTransaction> work) => database.Write(tx =>
    {
        work(tx);
        return true;
    });
}
