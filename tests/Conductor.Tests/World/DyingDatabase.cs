using System.Data;
using Baremetal.Conductor.Database;

namespace Baremetal.Conductor.Tests.World;

/// <summary>
/// A database under which the process dies at its nth commit: before it, so that nothing of it is on the disk, or right after it, so that
/// nobody heard of it. Nothing gets through from then on.
/// </summary>
internal sealed class DyingDatabase(IDatabase real, int diesAt, bool afterTheCommit) : IDatabase
{
    private int _commits;
    private long _total;
    private volatile bool _dead;

    public event EventHandler? Changed
    {
        add => real.Changed += value;
        remove => real.Changed -= value;
    }

    /// <summary>Nothing gets through any more; the commit that it dies after may still be under way.</summary>
    public bool IsDead => _dead;

    /// <summary>Ends when nothing will be written any more.</summary>
    public TaskCompletionSource Died { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Commits are counted from here on.</summary>
    public bool Counting { get; set; }

    public int Commits => _commits;

    public T Read<T>(Func<IDbConnection, T> query) => _dead ? throw Dead() : real.Read(query);

    public T Write<T>(Func<WriteTransaction, T> work)
    {
        if (_dead)
            throw Dead();
        // A transaction that changes nothing writes nothing that a death could lose.
        var dies = false;
        var result = real.Write(tx =>
        {
            var value = work(tx);
            if (Counting && Changes(tx) && Interlocked.Increment(ref _commits) == diesAt)
            {
                dies = true;
                _dead = true;
                if (!afterTheCommit)
                {
                    Died.TrySetResult();
                    throw Dead();
                }
            }
            return value;
        });
        if (!dies)
            return result;
        Died.TrySetResult();
        throw Dead();
    }

    public string? Claim(WriteTransaction tx, string owner, TimeSpan lease) => real.Claim(tx, owner, lease);

    public bool Renew(string job, long fence, TimeSpan lease) => _dead ? throw Dead() : real.Renew(job, fence, lease);

    public void Dispose() => real.Dispose();

    private bool Changes(WriteTransaction tx)
    {
        using var command = tx.Sql.CreateCommand();
        command.CommandText = "SELECT total_changes()";
        var total = (long)command.ExecuteScalar()!;
        (var before, _total) = (_total, total);
        return total != before;
    }

    private static IOException Dead() => new("the process has died");
}
