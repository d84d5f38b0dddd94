using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace Baremetal.Netboot.Dhcp;

/// <summary>
/// The leases on disk: one line for each grant, <c>2026-01-31T12:00:00Z 52:54:00:12:34:56 10.0.0.100</c> (when it ends, whose, what); the last
/// line about a machine or an address holds. A line is one write, made before the client hears of it, so that a killed process forgets
/// nothing. It is not flushed: after a power cut the network's own machines ask again for what they had, and get it if nobody else does.
/// </summary>
internal sealed class LeaseFile : IDisposable
{
    /// <summary>Rewritten when it holds this many lines more than twice the leases.</summary>
    private const int Slack = 1000;

    private const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss'Z'";

    private readonly string path;
    private FileStream stream;
    private int lines;

    private LeaseFile(string path, FileStream stream) => (this.path, this.stream) = (path, stream);

    /// <summary>Opens or makes the file and reads what it holds.</summary>
    /// <param name="path">Its folder must exist.</param>
    /// <param name="leases">In the order of the file.</param>
    /// <param name="unreadable">How many lines said nothing that can be understood: 1 after a crash in the middle of a line, more is damage.</param>
    /// <exception cref="IOException">It cannot be opened, or another process holds it.</exception>
    public static LeaseFile Open(string path, out IReadOnlyList<Lease> leases, out int unreadable)
    {
        var opened = OpenStream(path, FileMode.OpenOrCreate);
        var read = new List<Lease>();
        unreadable = 0;
        using var reader = new StreamReader(opened, Encoding.ASCII, leaveOpen: true);
        while (reader.ReadLine() is { } line)
            if (TryParse(line, out var lease))
                read.Add(lease.Value);
            else
                unreadable++;
        leases = read;
        return new LeaseFile(path, opened);
    }

    /// <exception cref="IOException">It was not written; the file is as before.</exception>
    public void Append(Lease lease)
    {
        var end = stream.Length;
        try
        {
            stream.Position = end;
            stream.Write(Encoding.ASCII.GetBytes(Format(lease)));
            lines++;
        }
        catch (IOException)
        {
            stream.SetLength(end); // half a line would spoil the next one
            throw;
        }
    }

    public bool IsLongFor(int leases) => lines > (2 * leases) + Slack;

    /// <summary>Replaces the file by these leases, whole or not at all; also what ends a torn last line, so it comes first after <see cref="Open"/>.</summary>
    /// <exception cref="IOException">It was not replaced; the file is as before.</exception>
    public void Rewrite(IReadOnlyCollection<Lease> leases)
    {
        lines = leases.Count; // also where this fails: the file goes on as it is, and the next try is a thousand lines away
        var fresh = OpenStream(path + ".new", FileMode.Create);
        try
        {
            fresh.Write(Encoding.ASCII.GetBytes(string.Concat(leases.Select(Format))));
            fresh.Flush(flushToDisk: true);
            File.Move(path + ".new", path, overwrite: true);
        }
        catch
        {
            fresh.Dispose();
            File.Delete(path + ".new"); // on a full disk it would hold what the next lease needs
            throw;
        }
        stream.Dispose();
        stream = fresh;
    }

    public void Dispose() => stream.Dispose();

    /// <summary>Unbuffered, and locked against a second writer for as long as it is open.</summary>
    private static FileStream OpenStream(string path, FileMode mode) => new(path, mode, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);

    private static string Format(Lease lease) =>
        $"{lease.Ends.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture)} {lease.Mac} {lease.Address} .\n";

    /// <summary>The dot at the end tells a whole line from 10.0.0.1 cut out of 10.0.0.100.</summary>
    private static bool TryParse(string line, [NotNullWhen(true)] out Lease? lease)
    {
        lease = null;
        if (line.Split(' ') is not [var ends, var mac, var address, "."]
            || !DateTimeOffset.TryParseExact(ends, TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            || !MacAddress.TryParse(mac, out var owner) || !Ipv4.TryParse(address, out var owned))
            return false;
        lease = new Lease(owner, owned, time);
        return true;
    }
}
