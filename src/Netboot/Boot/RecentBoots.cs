namespace Baremetal.Netboot.Boot;

/// <summary>Which machines are netbooting now: those that we answered with something to boot within the last minutes.</summary>
internal sealed class RecentBoots(TimeProvider time)
{
    /// <summary>From the firmware's first packet to the end of the loader's last wait, with a slow memory test between two tries.</summary>
    private static readonly TimeSpan Lasting = TimeSpan.FromMinutes(5);

    /// <summary>A boot asks two or three times, and retries; what asks for the same loader more often within <see cref="Lasting"/> goes round in circles.</summary>
    private const int MostChains = 8;

    /// <summary>Beyond this many, the oldest are forgotten: MAC addresses are free to invent.</summary>
    private const int Most = 16_384;

    private readonly Dictionary<MacAddress, Boot> boots = [];
    private readonly Lock gate = new();

    /// <summary>A machine began, or went on, to boot from us. Called on the receiving loop.</summary>
    public Action<MacAddress>? Noted { get; set; }

    public void Note(MacAddress mac)
    {
        lock (gate)
        {
            if (boots.Count >= Most && !boots.ContainsKey(mac))
                Forget();
            boots[mac] = (IsCurrent(mac, out var boot) ? boot : default) with { Last = time.GetUtcNow() };
        }
        Noted?.Invoke(mac);
    }

    public bool Contains(MacAddress mac)
    {
        lock (gate)
            return IsCurrent(mac, out _);
    }

    /// <summary>Whether an iPXE that lacks HTTP came back too often after it was given ours.</summary>
    /// <param name="mac">The machine.</param>
    /// <param name="begins">It comes back now: a DISCOVER, not the REQUEST after it.</param>
    public bool IsGoingInCircles(MacAddress mac, bool begins)
    {
        lock (gate)
        {
            var chains = (IsCurrent(mac, out var boot) ? boot.Chains : 0) + (begins ? 1 : 0);
            boots[mac] = new Boot(time.GetUtcNow(), chains);
            return chains > MostChains;
        }
    }

    private bool IsCurrent(MacAddress mac, out Boot boot) => boots.TryGetValue(mac, out boot) && time.GetUtcNow() - boot.Last < Lasting;

    private void Forget()
    {
        var now = time.GetUtcNow();
        foreach (var mac in boots.Where(entry => now - entry.Value.Last >= Lasting).Select(entry => entry.Key).ToList())
            boots.Remove(mac);
        if (boots.Count >= Most)
            boots.Remove(boots.MinBy(entry => entry.Value.Last).Key);
    }

    private readonly record struct Boot(DateTimeOffset Last, int Chains);
}
