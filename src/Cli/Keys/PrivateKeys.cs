using System.Collections;
using Baremetal.Trust;

namespace Baremetal.Cli.Keys;

/// <summary>The private keys that a command signs with: each of its own, in memory no longer than it runs.</summary>
internal sealed class PrivateKeys : IDisposable, IEnumerable<SigningKey>
{
    private readonly List<SigningKey> _keys = [];

    public static PrivateKeys Load(IEnumerable<string> paths, Func<string, IEnumerable<byte[]>> passphrases)
    {
        var keys = new PrivateKeys();
        try
        {
            foreach (var path in paths)
                keys.Add(path, passphrases);
            return keys;
        }
        catch
        {
            keys.Dispose();
            throw;
        }
    }

    public IEnumerator<SigningKey> GetEnumerator() => _keys.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public void Dispose() => _keys.ForEach(key => key.Dispose());

    private void Add(string path, Func<string, IEnumerable<byte[]>> passphrases)
    {
        if (!SigningKey.TryLoad(path, passphrases, out var key, out var unreadable))
            throw new Failure(File.Exists(path) ? ExitCodes.Refused : ExitCodes.NotFound, unreadable);
        _keys.Add(key);
        // One key counts once, however often it signs: two options that bring the same are a slip of the hand.
        if (_keys.Count(other => other.KeyId == key.KeyId) > 1)
            throw Failure.WrongUsage($"{path} is a key that is given already.", "Give each key once; only distinct ones count.");
    }
}
