namespace Baremetal.Cli;

/// <summary>What somebody meant who wrote a name that does not exist.</summary>
public static class NearestName
{
    /// <summary>The name with the fewest letters changed, as a whole or in its last part; null where none is alike.</summary>
    public static string? Of(string word, IEnumerable<string> known)
    {
        var (name, changes) = known.Select(one => (one, Math.Min(Changes(word, one), Changes(Last(word), Last(one))))).MinBy(one => one.Item2);
        return changes <= 1 + Last(word).Length / 4 ? name : null;
    }

    private static string Last(string dotted) => dotted[(dotted.LastIndexOf('.') + 1)..];

    /// <summary>Levenshtein's distance; case does not count.</summary>
    private static int Changes(string from, string to)
    {
        var row = Enumerable.Range(0, to.Length + 1).ToArray();
        foreach (var letter in from)
        {
            var corner = row[0]++;
            for (var at = 1; at <= to.Length; at++)
            {
                var replaced = corner + (char.ToLowerInvariant(letter) == char.ToLowerInvariant(to[at - 1]) ? 0 : 1);
                (corner, row[at]) = (row[at], Math.Min(replaced, Math.Min(row[at], row[at - 1]) + 1));
            }
        }
        return row[^1];
    }
}
