namespace Baremetal.Netboot.Dhcp;

/// <summary>
/// One machine's address. Keyed by the hardware address and nothing else: in one boot firmware, loader and operating system send three
/// different client identifiers, or none, and must keep one address. An ended lease is kept while nobody else needs the address.
/// </summary>
internal readonly record struct Lease(MacAddress Mac, Ipv4 Address, DateTimeOffset Ends);
