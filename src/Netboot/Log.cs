using Baremetal.Netboot.Boot;
using Baremetal.Netboot.Dhcp;
using Microsoft.Extensions.Logging;

namespace Baremetal.Netboot;

/// <summary>A boot can be followed in the log from its first packet to its loader's last byte. 10xx the host, 11xx DHCP, 12xx TFTP, 13xx IPv6.</summary>
internal static partial class Log
{
    [LoggerMessage(1000, LogLevel.Information, "Netboot is served on {Interface} ({Address}), DHCP mode {Mode}; scripts come from {HttpBase}")]
    public static partial void Started(this ILogger log, string @interface, Ipv4 address, DhcpMode mode, string httpBase);

    [LoggerMessage(1001, LogLevel.Information, "Looking for other DHCP servers on {Interface} for {Seconds} s")]
    public static partial void Probing(this ILogger log, string @interface, double seconds);

    [LoggerMessage(1002, LogLevel.Information, "{Count} leases read from {Path}")]
    public static partial void LeasesRead(this ILogger log, int count, string path);

    [LoggerMessage(1003, LogLevel.Warning, "{Count} lines of {Path} could not be read and are left out (one after a crash is normal)")]
    public static partial void LeasesUnreadable(this ILogger log, int count, string path);

    [LoggerMessage(1004, LogLevel.Information, "Netboot on {Interface} has ended")]
    public static partial void Stopped(this ILogger log, string @interface);

    [LoggerMessage(1005, LogLevel.Warning, "Netboot on {Interface} is interrupted: {Change}")]
    public static partial void LinkChanged(this ILogger log, string @interface, string change);

    [LoggerMessage(1006, LogLevel.Warning, "Netboot on {Interface} waits: {Why}")]
    public static partial void LinkWaits(this ILogger log, string @interface, string why);

    [LoggerMessage(1100, LogLevel.Information, "{Message} from {Mac} ({Client}): {Answer} {Address}, {Boot}")]
    public static partial void Answered(this ILogger log, DhcpMessage message, MacAddress mac, PxeClient client, DhcpMessage answer, Ipv4 address, string boot);

    [LoggerMessage(1111, LogLevel.Information, "{Message} from {Mac} ({Client}): {Answer} without an address, {Boot}")]
    public static partial void AnsweredAsProxy(this ILogger log, DhcpMessage message, MacAddress mac, PxeClient client, DhcpMessage answer, string boot);

    [LoggerMessage(1101, LogLevel.Information, "{Message} from {Mac} ({Client}) is not answered: {Why}")]
    public static partial void NotAnswered(this ILogger log, DhcpMessage message, MacAddress mac, PxeClient client, string why);

    [LoggerMessage(1102, LogLevel.Information, "{Message} from {Mac} ({Client}): not a machine of ours, so it gets nothing to boot")]
    public static partial void MachineIgnored(this ILogger log, DhcpMessage message, MacAddress mac, PxeClient client);

    [LoggerMessage(1103, LogLevel.Warning, "{Mac} has the architecture {Architecture}, for which there is no loader; it boots as it would without us")]
    public static partial void NoLoader(this ILogger log, MacAddress mac, ClientArchitecture architecture);

    [LoggerMessage(1104, LogLevel.Error, "{Mac} runs an iPXE without HTTP and comes back with one each time after it loads {File}; it gets nothing more. Put an iPXE with HTTP into the loader folder")]
    public static partial void ChainsForEver(this ILogger log, MacAddress mac, string file);

    [LoggerMessage(1105, LogLevel.Debug, "{Length} bytes on {Interface} are no DHCP packet: {Rejection}")]
    public static partial void PacketRejected(this ILogger log, int length, string @interface, DhcpRejection rejection);

    [LoggerMessage(1106, LogLevel.Error, "A packet on {Interface} could not be handled")]
    public static partial void PacketFailed(this ILogger log, string @interface, Exception error);

    [LoggerMessage(1107, LogLevel.Warning, "A unicast to a machine without an address could not be sent on {Interface} ({Error}); it is broadcast")]
    public static partial void HardwareUnicastFailed(this ILogger log, string @interface, string error);

    [LoggerMessage(1112, LogLevel.Warning, "The reply to {Address} could not be sent: {Error}")]
    public static partial void ReplyNotSent(this ILogger log, Ipv4 address, string error);

    [LoggerMessage(1108, LogLevel.Warning, "Another DHCP server is on {Interface}: {Offer}. Machines take whichever answers first: switch one off")]
    public static partial void RivalServer(this ILogger log, string @interface, ForeignOffer offer);

    [LoggerMessage(1109, LogLevel.Warning, "Another server on {Interface} tells machines what to boot: {Offer}. Some firmware prefers it to us: remove its boot file")]
    public static partial void RivalBootServer(this ILogger log, string @interface, ForeignOffer offer);

    [LoggerMessage(1110, LogLevel.Information, "The DHCP server of {Interface} is {Offer}")]
    public static partial void AddressServerSeen(this ILogger log, string @interface, ForeignOffer offer);

    [LoggerMessage(1113, LogLevel.Error, "The lease of {Address} for {Mac} could not be written down ({Error}); the machine keeps what it has, and it is written when the disk takes it. Until then a restart knows its earlier end only")]
    public static partial void LeaseNotWritten(this ILogger log, Ipv4 address, MacAddress mac, string error);

    [LoggerMessage(1114, LogLevel.Warning, "The lease file could not be made shorter ({Error}); it goes on as it is")]
    public static partial void LeasesNotRewritten(this ILogger log, string error);

    [LoggerMessage(1200, LogLevel.Information, "TFTP: {Client} got {File}: {Bytes} bytes in {Seconds:0.000} s (blksize {BlockSize}, windowsize {WindowSize}, {Resent} blocks sent again)")]
    public static partial void FileSent(this ILogger log, object client, string file, long bytes, double seconds, int blockSize, int windowSize, long resent);

    [LoggerMessage(1201, LogLevel.Debug, "TFTP: {Client} asked for {File}, which is not here")]
    public static partial void FileUnknown(this ILogger log, object client, string file);

    [LoggerMessage(1202, LogLevel.Debug, "TFTP: {Client} ended its transfer of {File}: error {Code} {Text}")]
    public static partial void TransferEnded(this ILogger log, object client, string file, int code, string text);

    [LoggerMessage(1203, LogLevel.Warning, "TFTP: {Client} stopped answering after {Bytes} bytes of {File}")]
    public static partial void TransferLost(this ILogger log, object client, long bytes, string file);

    [LoggerMessage(1204, LogLevel.Debug, "TFTP: the request of {Client} is refused: {Rejection}")]
    public static partial void RequestRefused(this ILogger log, object client, object rejection);

    [LoggerMessage(1205, LogLevel.Warning, "TFTP: the request of {Client} waits: {Sessions} transfers are running")]
    public static partial void TooManySessions(this ILogger log, object client, int sessions);

    [LoggerMessage(1206, LogLevel.Error, "TFTP on {Interface}: a request could not be handled")]
    public static partial void TransferFailed(this ILogger log, string @interface, Exception error);

    [LoggerMessage(1300, LogLevel.Debug, "Router advertisement sent to {Mac}, so that its loader does not wait for one")]
    public static partial void Advertised(this ILogger log, MacAddress mac);

    [LoggerMessage(1301, LogLevel.Information, "{Router} advertises itself as a router on {Interface}; we leave IPv6 to it")]
    public static partial void RouterSeen(this ILogger log, string @interface, System.Net.IPAddress router);

    [LoggerMessage(1303, LogLevel.Debug, "Routers on {Interface} could not be asked for ({Error}); one is noticed when it next advertises itself")]
    public static partial void RoutersNotAsked(this ILogger log, string @interface, string error);

    [LoggerMessage(1302, LogLevel.Warning, "Router solicitations on {Interface} cannot be answered ({Error}); iPXE waits 13 s longer")]
    public static partial void NoRouterAnswers(this ILogger log, string @interface, string error);
}
