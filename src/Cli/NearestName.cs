namespace Baremetal.Cli;

/// <summary>What somebody meant who wrote a name that does not exist.</summary>
public static class NearestName
{
    /// <summary>The name with the fewest letters changed: of the whole, else of the last part, for who wrote only that or put it elsewhere; null where none is alike.</summary>
    public static string? Of(string word, IReadOnlyCollection<string> known)
    {
        var whole = known.MinBy(one => Changes(word, one));
        if (whole is null || Changes(word, whole) <= Allowed(word))
            return whole;
        var last = known.MinBy(one => (Changes(Last(word), Last(one)), Changes(word, one)))!;
        return Changes(Last(word), Last(last)) <= Allowed(Last(word)) ? last : null;
    }

    private static int Allowed(string word) => 1 + word.Length / 4;

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
