using Baremetal.Trust;

namespace Baremetal.Cli.Keys;

/// <summary>A key as it is typed: the beginning of its id, or its <c>.pub</c> file.</summary>
internal static class KeyReference
{
    /// <param name="given">Hex digits are the beginning of an id; all else is a file (<c>./abc</c>, should its name be hex).</param>
    /// <param name="among">The keys that can be meant.</param>
    /// <param name="what">What they are, for the error: <c>image key</c>.</param>
    /// <param name="version">Of the trust document that names them.</param>
    public static Digest Find(string given, IEnumerable<Digest> among, string what, long version)
    {
        if (!IsHex(given))
        {
            if (!PublicKey.TryLoad(given, out var key, out var rejection))
                throw new Failure(File.Exists(given) ? ExitCodes.Refused : ExitCodes.NotFound, rejection);
            return among.Contains(key.KeyId)
                ? key.KeyId
                : throw Failure.NotFound($"{given} (key {KeyViews.Short(key.KeyId)}) is no {what} of version {version}.", "'conductor key list' shows which there are.");
        }
        return among.Where(key => key.ToString().StartsWith(given, StringComparison.Ordinal)).ToArray() switch
        {
            [var key] => key,
            [] => throw Failure.NotFound($"No {what} of version {version} begins with {given}.", "'conductor key list' shows which there are; a file is given with its path."),
            var several => throw Failure.Refused($"{given} is the beginning of {several.Length} keys: {string.Join(", ", several.Select(KeyViews.Short))}.", "Give more digits."),
        };
    }

    public static bool IsHex(string text) => text.Length > 0 && text.All(char.IsAsciiHexDigitLower);
}
