using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Baremetal.Netboot.Tftp;

/// <summary>
/// Serves the files of one table, from memory, read-only: a name is looked up and never becomes a path, so there is nothing to break out of.
/// RFC 1350, 2347, 2348, 2349, 7440.
/// </summary>
internal sealed class TftpServer(
    NetworkLink link, IReadOnlyDictionary<string, ReadOnlyMemory<byte>> files, TftpOptions options, IBootPolicy policy, TimeProvider time, ILogger log)
{
    public const ushort Port = 69;

    private readonly ConcurrentDictionary<IPEndPoint, Task> sessions = new();
    private readonly byte[] buffer = new byte[TftpRequest.MaximumLength + 1];

    /// <summary>Port 69.</summary>
    public async Task AnswerNextAsync(Socket listener, CancellationToken cancel)
    {
        var received = await listener.ReceiveMessageFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0), cancel);
        Begin((IPEndPoint)received.RemoteEndPoint, received.PacketInformation.Address, buffer.AsSpan(0, received.ReceivedBytes), cancel);
    }

    /// <summary>When the transfers have ended, which cancelling made them do.</summary>
    public Task EndAsync() => Task.WhenAll(sessions.Values);

    private void Begin(IPEndPoint client, IPAddress local, ReadOnlySpan<byte> datagram, CancellationToken cancel)
    {
        if (IsBroadcast(local) || client.Port == 0)
            return; // RFC 1123 §4.2.3.4; and nobody can be answered at port 0
        if (sessions.ContainsKey(client))
            return; // the request came twice; the transfer itself sends again what was lost
        if (sessions.Count >= options.MaximumSessions || sessions.Keys.Count(other => other.Address.Equals(client.Address)) >= options.MaximumSessionsPerClient)
        {
            log.TooManySessions(client, sessions.Count);
            return;
        }
        if (!TftpRequest.TryParse(datagram, out var request, out var rejection))
        {
            log.RequestRefused(client, rejection);
            if (rejection is TftpRejection.Write or TftpRejection.NotOctet)
                Refuse(client, local, rejection == TftpRejection.Write ? TftpError.AccessViolation : TftpError.IllegalOperation,
                    rejection == TftpRejection.Write ? "read-only" : "mode octet only");
            return;
        }
        if (!files.TryGetValue(request.File, out var file))
        {
            log.FileUnknown(client, request.File); // shim and GRUB ask for half a dozen files that need not be there
            Refuse(client, local, TftpError.FileNotFound, "file not found");
            return;
        }
        var session = SendAsync(client, local, request, file, cancel);
        if (!session.IsCompleted)
            sessions[client] = session;
        _ = session.ContinueWith((_, _) => sessions.TryRemove(client, out _), null, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private async Task SendAsync(IPEndPoint client, IPAddress local, TftpRequest request, ReadOnlyMemory<byte> file, CancellationToken cancel)
    {
        try
        {
            using var socket = Connect(client, local);
            var terms = TftpTerms.Agree(request, file.Length, link.Mtu);
            var session = new TftpSession(socket, file, terms, time);
            var began = time.GetTimestamp();
            switch (await session.RunAsync(cancel))
            {
                case TransferEnd.Sent:
                    policy.Sent(client.Address, request.File);
                    log.FileSent(client, request.File, file.Length, time.GetElapsedTime(began).TotalSeconds, terms.BlockSize, terms.WindowSize, session.SentAgain);
                    break;
                case TransferEnd.EndedByClient:
                    log.TransferEnded(client, request.File, session.ErrorCode, session.ErrorText);
                    break;
                case TransferEnd.Lost:
                    log.TransferLost(client, session.AcknowledgedBytes, request.File);
                    break;
            }
        }
        catch (Exception) when (cancel.IsCancellationRequested)
        {
            // cut with the server
        }
        catch (Exception error)
        {
            log.TransferFailed(link.Name, error);
        }
    }

    private void Refuse(IPEndPoint client, IPAddress local, TftpError error, string text)
    {
        using var socket = Connect(client, local);
        socket.Send(TftpPacket.Error(error, text));
    }

    /// <summary>
    /// The transfer's own port (RFC 1350 §4), at the address that the client wrote to: firewalls and firmware drop what comes from another.
    /// Connected, so that the kernel lets nobody else interfere.
    /// </summary>
    private Socket Connect(IPEndPoint client, IPAddress local)
    {
        var socket = Open(local);
        try
        {
            socket.Connect(client);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private Socket Open(IPAddress local)
    {
        var count = options.LastPort - options.FirstPort + 1;
        var start = Random.Shared.Next(count);
        for (var i = 0; ; i++)
            try
            {
                return link.OpenUdp(local, options.FirstPort + ((start + i) % count));
            }
            catch (SocketException error) when (error.SocketErrorCode == SocketError.AddressAlreadyInUse && i + 1 < count)
            {
                // another transfer has it
            }
    }

    private bool IsBroadcast(IPAddress address) =>
        address.Equals(IPAddress.Broadcast) || Ipv4.From(address).Value == (link.Address.Value | ~link.Mask.Value);
}
