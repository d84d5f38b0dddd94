namespace Baremetal.Netboot.Boot;

/// <summary>What a reply tells a boot client to load: a name for TFTP, or a URL.</summary>
internal sealed record BootAnswer(string File, PxeClient Client)
{
    /// <summary>
    /// iPXE goes on to its script by HTTP, and firmware to the loader of its architecture, whether for the agent or for its own disk:
    /// only the script can say "go on to the disk" in a way that every firmware obeys.
    /// </summary>
    /// <returns>Null when there is nothing for this client.</returns>
    public static BootAnswer? For(PxeClient client, Machine machine, BootUrls urls) =>
        client is { Kind: ClientKind.Ipxe, LacksHttp: false } ? new BootAnswer(urls.Script(machine), client)
        : LoaderTable.Find(client.Architecture) is not { } loader ? null
        : loader.Transport == LoaderTransport.Http ? new BootAnswer(urls.Loader(loader.File), client)
        : new BootAnswer(loader.File, client);
}
