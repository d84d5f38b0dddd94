using Microsoft.Extensions.Logging;

namespace Baremetal.Netboot.Dhcp;

/// <summary>Who has which address, and who may have one. Not safe for two threads: the receiving loop owns it.</summary>
internal sealed class LeaseTable(AddressPool pool, TimeSpan leaseTime, LeaseFile file, TimeProvider time, ILogger log)
{
    /// <summary>Long enough for the slowest client seen between OFFER and REQUEST (edk2: 4.5 s) and its retries.</summary>
    private static readonly TimeSpan OfferTime = TimeSpan.FromMinutes(1);

    /// <summary>Somebody uses a declined address without asking us; after this it is tried again.</summary>
    private static readonly TimeSpan DeclinedTime = TimeSpan.FromMinutes(10);

    private readonly Dictionary<MacAddress, Lease> byMac = [];
    private readonly Dictionary<Ipv4, Lease> byAddress = [];
    private readonly Dictionary<Ipv4, DateTimeOffset> declined = [];

    /// <summary>Whose lease is more than an offer: the file knows it, if perhaps with an earlier end.</summary>
    private readonly HashSet<MacAddress> granted = [];

    /// <summary>Whose lease the file does not know as it is.</summary>
    private readonly HashSet<MacAddress> unwritten = [];

    /// <summary>Takes up what the file held; the last word about a machine or an address holds.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Load(IEnumerable<Lease> leases)
    {
        foreach (var lease in leases)
        {
            Set(lease);
            granted.Add(lease.Mac);
        }
        file.Rewrite(byMac.Values);
    }

    /// <summary>An address for this machine, held for a minute; null when the pool is empty.</summary>
    public Ipv4? Offer(MacAddress mac, Ipv4 wanted)
    {
        if (Choose(mac, wanted) is not { } address)
            return null;
        if (!byMac.TryGetValue(mac, out var held) || held.Address != address || held.Ends < time.GetUtcNow() + OfferTime)
            Set(new Lease(mac, address, time.GetUtcNow() + OfferTime));
        return address;
    }

    /// <summary>
    /// Grants an address for the lease time, and has it written down before anyone hears of it. What the machine has already it may keep for
    /// longer even where that cannot be written: a full disk must not take running machines off the network.
    /// </summary>
    /// <returns>Why not, for the client to read; null when it is granted.</returns>
    /// <exception cref="IOException">An address that is new to the machine could not be written down; nothing is granted.</exception>
    public string? Grant(MacAddress mac, Ipv4 address)
    {
        if (!pool.IsOnNetwork(address))
            return "wrong network";
        if (!pool.MayHave(mac, address))
            return "address not available";
        if (!IsFreeFor(mac, address))
            return "address in use";
        Write(new Lease(mac, address, time.GetUtcNow() + leaseTime));
        return null;
    }

    /// <summary>The machine does not need its address any more; it is remembered as its own until another needs it.</summary>
    public void Release(MacAddress mac, Ipv4 address)
    {
        if (byMac.TryGetValue(mac, out var lease) && lease.Address == address)
            Write(lease with { Ends = time.GetUtcNow() });
    }

    /// <summary>The machine found somebody else at its address.</summary>
    public bool Decline(MacAddress mac, Ipv4 address)
    {
        if (!byMac.TryGetValue(mac, out var lease) || lease.Address != address)
            return false;
        Release(mac, address);
        Forget(lease);
        declined[address] = time.GetUtcNow() + DeclinedTime;
        return true;
    }

    /// <summary>The machine chose another server: what was merely offered is free again.</summary>
    public void ChoseAnother(MacAddress mac)
    {
        if (byMac.TryGetValue(mac, out var lease) && lease.Ends <= time.GetUtcNow() + OfferTime)
            Set(lease with { Ends = time.GetUtcNow() });
    }

    /// <summary>RFC 2131 §4.3.1: what it has or had; else what it asks for; else a new one; else the one that is longest out of use.</summary>
    private Ipv4? Choose(MacAddress mac, Ipv4 wanted)
    {
        if (pool.Reservations.TryGetValue(mac, out var reserved))
            return reserved;
        if (byMac.TryGetValue(mac, out var own) && pool.MayHave(mac, own.Address) && IsFreeFor(mac, own.Address))
            return own.Address;
        if (pool.MayHave(mac, wanted) && IsFreeFor(mac, wanted))
            return wanted;
        foreach (var address in pool.From(mac))
            if (!byAddress.ContainsKey(address) && !IsDeclined(address))
                return address;
        var ended = byAddress.Values.Where(lease => pool.MayHave(mac, lease.Address) && IsFreeFor(mac, lease.Address)).ToList();
        return ended.Count == 0 ? null : ended.MinBy(lease => lease.Ends).Address;
    }

    private bool IsFreeFor(MacAddress mac, Ipv4 address) =>
        !IsDeclined(address) && (!byAddress.TryGetValue(address, out var lease) || lease.Mac == mac || lease.Ends <= time.GetUtcNow());

    private bool IsDeclined(Ipv4 address) => declined.TryGetValue(address, out var until) && until > time.GetUtcNow();

    private void Write(Lease lease)
    {
        var isKept = granted.Contains(lease.Mac) && byMac[lease.Mac].Address == lease.Address;
        var isWritten = TryAppend(lease, mayFail: isKept);
        Set(lease);
        granted.Add(lease.Mac);
        if (!isWritten)
            unwritten.Add(lease.Mac);
        else
            CatchUp();
        if (file.IsLongFor(byMac.Count))
            TryRewrite();
    }

    private void CatchUp()
    {
        foreach (var mac in unwritten.ToArray())
        {
            if (!TryAppend(byMac[mac], mayFail: true))
                return;
            unwritten.Remove(mac);
        }
    }

    private bool TryAppend(Lease lease, bool mayFail)
    {
        try
        {
            file.Append(lease);
            return true;
        }
        catch (IOException error) when (mayFail)
        {
            log.LeaseNotWritten(lease.Address, lease.Mac, error.Message);
            return false;
        }
    }

    /// <summary>The file's every line is in the table too, so a rewrite that fails loses nothing.</summary>
    private void TryRewrite()
    {
        try
        {
            file.Rewrite(byMac.Values);
            unwritten.Clear();
        }
        catch (IOException error)
        {
            log.LeasesNotRewritten(error.Message);
        }
    }

    private void Set(Lease lease)
    {
        if (byMac.TryGetValue(lease.Mac, out var old))
            Forget(old);
        if (byAddress.TryGetValue(lease.Address, out old))
            Forget(old);
        byMac[lease.Mac] = lease;
        byAddress[lease.Address] = lease;
    }

    private void Forget(Lease lease)
    {
        byMac.Remove(lease.Mac);
        byAddress.Remove(lease.Address);
        granted.Remove(lease.Mac);
        unwritten.Remove(lease.Mac);
    }
}
