using System.Data;
using System.Runtime.InteropServices;
using Dapper;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Baremetal.Conductor.Database;

/// <summary>
/// SQLite in WAL mode: one connection that writes, behind a lock (contended SQLite writers sleep and retry, which is far slower), and as
/// many readers as ask, who see the state before the write that runs. Every commit is synced: what was acknowledged survives a power cut.
/// </summary>
public sealed class SqliteDatabase : IDatabase
{
    private readonly string _path;
    private readonly TimeProvider _time;
    private readonly string _readers;
    private readonly SqliteConnection _writer;
    private readonly Lock _writing = new();

    static SqliteDatabase()
    {
        // Debian's own library, which Debian patches; the one that the packages would bring is old.
        NativeLibrary.SetDllImportResolver(typeof(SQLite3Provider_e_sqlite3).Assembly, static (name, _, _) => name == "e_sqlite3" ? NativeLibrary.Load("libsqlite3.so.0") : 0);
        raw.SetProvider(new SQLite3Provider_e_sqlite3());
        raw.FreezeProvider();
        Columns.Register();
    }

    public SqliteDatabase(string path, TimeProvider time)
    {
        _path = path;
        _time = time;
        _readers = new SqliteConnectionStringBuilder { DataSource = path, Mode = SqliteOpenMode.ReadOnly, Pooling = true }.ToString();
        _writer = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
        try
        {
            Open();
        }
        catch (Exception e)
        {
            _writer.Dispose();
            if (e is IOException or UnauthorizedAccessException)
                throw CannotBeWritten(e);
            if (e is SqliteException error && Trouble(error) is { } trouble)
                throw trouble;
            throw;
        }
    }

    public event EventHandler? Changed;

    public T Read<T>(Func<IDbConnection, T> query)
    {
        using var connection = new SqliteConnection(_readers);
        connection.Open();
        // One transaction, so that several statements see one state.
        using var snapshot = connection.BeginTransaction(deferred: true);
        return query(connection);
    }

    public T Write<T>(Func<WriteTransaction, T> work)
    {
        T result;
        bool changed;
        lock (_writing)
        {
            var before = raw.sqlite3_total_changes(_writer.Handle);
            RollBack();
            _writer.Execute("BEGIN IMMEDIATE");
            try
            {
                result = work(new WriteTransaction(_writer, DateTimeOffset.FromUnixTimeMilliseconds(_time.GetUtcNow().ToUnixTimeMilliseconds())));
                _writer.Execute("COMMIT");
            }
            catch (Exception e)
            {
                RollBack();
                if (e is SqliteException error && Trouble(error) is { } trouble)
                    throw trouble;
                throw;
            }
            changed = raw.sqlite3_total_changes(_writer.Handle) != before;
        }
        if (changed)
            Changed?.Invoke(this, EventArgs.Empty);
        return result;
    }

    public string? Claim(WriteTransaction tx, string owner, TimeSpan lease) => tx.Sql.QuerySingleOrDefault<string>(
        """
        UPDATE jobs SET owner = @owner, lease_until = @until, fence = fence + 1
        WHERE id = (SELECT id FROM jobs WHERE finished IS NULL AND due <= @now AND (lease_until IS NULL OR lease_until <= @now) ORDER BY due LIMIT 1)
        RETURNING id
        """,
        new { owner, until = tx.Now + lease, now = tx.Now });

    public bool Renew(string job, long fence, TimeSpan lease) => Write(tx => tx.Sql.Execute(
        "UPDATE jobs SET lease_until = @until WHERE id = @job AND fence = @fence AND finished IS NULL",
        new { job, fence, until = tx.Now + lease }) == 1);

    public void Dispose()
    {
        using (var readers = new SqliteConnection(_readers))
            SqliteConnection.ClearPool(readers);
        // Last, since the last connection folds the log into the file, and only a writer can: a stopped conductor's state is one whole file.
        lock (_writing)
            _writer.Dispose();
    }

    // Not by a transaction object: a full disk makes SQLite roll back by itself, which that does not know, and it would be in the way of all that is written later.
    private void RollBack()
    {
        if (raw.sqlite3_get_autocommit(_writer.Handle) == 0)
            _writer.Execute("ROLLBACK");
    }

    private void Open()
    {
        _writer.Open();
        File.SetUnixFileMode(_path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        // Found now, and not in the middle of a deploy.
        if (_writer.QueryFirst<string>("PRAGMA quick_check(1)") is var found && found != "ok")
            throw Damaged(found, null);
        _writer.Execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000;");
        Write(tx =>
        {
            Schema.Upgrade(tx);
            return true;
        });
    }

    // Null: the statement is at fault, not what it would be written to.
    private DatabaseTroubleException? Trouble(SqliteException error) => error.SqliteErrorCode switch
    {
        raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB => Damaged(error.Message, error),
        raw.SQLITE_FULL => new($"The disk that holds the database {_path} is full.", "Make room there; what was going on goes on by itself.", error),
        raw.SQLITE_READONLY or raw.SQLITE_IOERR or raw.SQLITE_CANTOPEN or raw.SQLITE_PERM => CannotBeWritten(error),
        _ => null,
    };

    private DatabaseTroubleException CannotBeWritten(Exception error) =>
        new($"The database {_path} cannot be written: {Sentence(error.Message)}", "See that the conductor may write there, and what the kernel's log says of the disk.", error);

    private DatabaseTroubleException Damaged(string how, Exception? error) =>
        new($"The database {_path} is damaged: {Sentence(how)}", "Restore it from a backup; it is left as it is.", error);

    private static string Sentence(string text) => $"{text.ReplaceLineEndings(" ").TrimEnd('.', ' ')}.";
}
