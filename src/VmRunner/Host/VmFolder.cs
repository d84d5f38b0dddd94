using System.Text.Json;
using System.Text.RegularExpressions;

namespace Baremetal.VmRunner.Host;

/// <summary>
/// A VM's folder, <c>STATE/vms/ID</c>: <c>vm.json</c> its record, <c>image</c> what its guest writes (the container's /image), <c>doors</c> its sockets
/// (/vm), <c>meta</c> what it is told (/meta).
/// </summary>
internal sealed partial class VmFolder(StateFolder state, string id)
{
    private readonly string _root = Path.Combine(state.Vms, id);

    public string Image => Path.Combine(_root, "image");

    public string Doors => Path.Combine(_root, "doors");

    public string Meta => Path.Combine(_root, "meta");

    private string Record => Path.Combine(_root, "vm.json");

    /// <summary>Whether an id may be a folder's name, and a container's.</summary>
    public static bool IsId(string id) => Id().IsMatch(id);

    /// <summary>All that are there; one whose record cannot be read is told.</summary>
    public static IEnumerable<VmRecord> ReadAll(StateFolder state, HostLog log)
    {
        if (!Directory.Exists(state.Vms))
            yield break;
        foreach (var folder in Directory.GetDirectories(state.Vms).Order(StringComparer.Ordinal))
        {
            var path = Path.Combine(folder, "vm.json");
            VmRecord? record = null;
            try
            {
                record = JsonSerializer.Deserialize(File.ReadAllText(path), VmRecordJson.Default.VmRecord);
            }
            catch (Exception e) when (e is IOException or JsonException)
            {
                log.Say($"The record {path} cannot be read, and its VM is left alone until the conductor orders it again: {e.Message}");
            }
            if (record is { Order.Id: { } id } && id == Path.GetFileName(folder) && IsId(id))
                yield return record;
        }
    }

    public void Write(VmRecord record)
    {
        StateFolder.Make(_root);
        StateFolder.Write(Record, JsonSerializer.Serialize(record, VmRecordJson.Default.VmRecord));
    }

    /// <summary>Makes what the container mounts.</summary>
    public void Prepare()
    {
        foreach (var folder in new[] { Image, Doors, Meta })
            StateFolder.Make(folder);
        // QEMU is another user in there, and goes through them; on the host nobody comes so far.
        foreach (var folder in new[] { Image, Doors })
            File.SetUnixFileMode(folder, File.GetUnixFileMode(folder) | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
    }

    /// <summary>The guest's disk goes first and the record last, so that a start in the middle finds what to go on with.</summary>
    public void Delete()
    {
        foreach (var folder in new[] { Image, Doors, Meta })
        {
            if (Directory.Exists(folder))
                Directory.Delete(folder, recursive: true);
        }
        if (Directory.Exists(_root))
            Directory.Delete(_root, recursive: true);
    }

    [GeneratedRegex(@"^[a-zA-Z0-9][a-zA-Z0-9-]{0,62}\z", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Id();
}
