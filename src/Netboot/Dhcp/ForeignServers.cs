using Microsoft.Extensions.Logging;

namespace Baremetal.Netboot.Dhcp;

/// <summary>Says in the log which other servers make offers here: a forgotten home router is the commonest cause of boots that go wrong.</summary>
internal sealed class ForeignServers(NetworkLink link, bool weGiveAddresses, TimeProvider time, ILogger log)
{
    /// <summary>Each server is named this often, not for every machine.</summary>
    private static readonly TimeSpan Silence = TimeSpan.FromHours(1);

    /// <summary>Server addresses are as easily invented as others.</summary>
    private const int Most = 64;

    private readonly Dictionary<Ipv4, DateTimeOffset> told = [];

    public async Task HearNextAsync(OfferListener offers, CancellationToken cancel) => Tell(await offers.ReceiveAsync(cancel));

    private void Tell(ForeignOffer offer)
    {
        var now = time.GetUtcNow();
        if (told.TryGetValue(offer.Server, out var last) && now - last < Silence)
            return;
        if (told.Count >= Most)
            told.Clear();
        told[offer.Server] = now;
        if (weGiveAddresses)
            log.RivalServer(link.Name, offer);
        else if (offer.BootFile is not null)
            log.RivalBootServer(link.Name, offer);
        else
            log.AddressServerSeen(link.Name, offer);
    }
}
