using System.Data;
using Baremetal.Conductor.Database;

namespace Baremetal.Conductor.Tests.World;

/// <summary>A database that fails where a test wants it to: what throws there is what the caller gets, and nothing is written.</summary>
internal sealed class FaultyDatabase(IDatabase real) : IDatabase
{
    public event EventHandler? Changed
    {
        add => real.Changed += value;
        remove => real.Changed -= value;
    }

    /// <summary>Runs before a job is claimed.</summary>
    public Action? Claiming { get; set; }

    /// <summary>Runs before a lease is renewed.</summary>
    public Action? Renewing { get; set; }

    /// <summary>Runs when all of a transaction is done but its commit.</summary>
    public Action<WriteTransaction>? Committing { get; set; }

    public T Read<T>(Func<IDbConnection, T> query) => real.Read(query);

    public T Write<T>(Func<WriteTransaction, T> work) => real.Write(tx =>
    {
        var result = work(tx);
        Committing?.Invoke(tx);
        return result;
    });

    public string? Claim(WriteTransaction tx, string owner, TimeSpan lease)
    {
        Claiming?.Invoke();
        return real.Claim(tx, owner, lease);
    }

    public bool Renew(string job, long fence, TimeSpan lease)
    {
        Renewing?.Invoke();
        return real.Renew(job, fence, lease);
    }

    public void Dispose() => real.Dispose();
}
