using System.Net;

namespace Baremetal.Conductor.Settings;

/// <summary>What is done with machines that nobody enrolled.</summary>
public enum DiscoveryMode
{
    /// <summary>They boot as they would without us.</summary>
    Off,

    /// <summary>They boot the agent once, tell what they have, and are pending until they are approved.</summary>
    On,
}

public sealed record DiscoverySettings
{
    /// <summary>Off: a machine that boots from the network and is not ours keeps its disk, and its boot.</summary>
    public DiscoveryMode Mode { get; init; } = DiscoveryMode.Off;

    /// <summary>
    /// Pending nodes at one time: some racks that are switched on together. MAC addresses are free to invent; with more pending than this,
    /// who comes next boots as it would without us.
    /// </summary>
    public int Most { get; init; } = 256;

    /// <summary>The first that matches approves. None: an operator does it by hand.</summary>
    public DiscoveryRule[] Rules { get; init; } = [];
}

/// <summary>
/// Approves the pending nodes for which all holds that it names: patterns with <c>*</c> and <c>?</c>, in any case, and the address of the DHCP
/// relay. A rule that names nothing would approve all, and is refused in the settings, as is what plainly fits nobody.
/// </summary>
/// <param name="Name">What they shall be called: letters, digits, dashes, <c>{mac}</c>, <c>{serial}</c> and <c>{product}</c>.</param>
/// <param name="Circuit">The port that it came in by, as its relay or switch says it (option 82), in the form of <see cref="Netboot.Sighting.Circuit"/>.</param>
/// <param name="Remote">Who says so, in the same form.</param>
public sealed record DiscoveryRule(
    string Name, string? Mac = null, string? Serial = null, string? Vendor = null, string? Product = null, IPAddress? Relay = null, string? Circuit = null, string? Remote = null)
{
    /// <summary>The words in braces that a name may have.</summary>
    private static readonly string[] Placeholders = ["{mac}", "{serial}", "{product}"];

    public static bool IsNamePattern(string text) =>
        text.Length > 0 && Placeholders.Aggregate(text, (left, word) => left.Replace(word, "", StringComparison.Ordinal)).All(c => char.IsAsciiLetterOrDigit(c) || c == '-');
}
