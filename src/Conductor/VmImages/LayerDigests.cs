using System.Collections.Concurrent;
using Baremetal.Trust;

namespace Baremetal.Conductor.VmImages;

/// <summary>
/// Digests of layers, which take a reading of the whole disk: minutes for a large one. It goes on when its caller has gone, and who asks meanwhile waits
/// for the same reading.
/// </summary>
internal sealed class LayerDigests(IHostApplicationLifetime life)
{
    private readonly ConcurrentDictionary<string, Lazy<Task<Digest>>> _readings = new(StringComparer.Ordinal);

    public async Task<Digest> OfAsync(FileInfo disk, string format, CancellationToken cancel)
    {
        var reading = _readings.GetOrAdd($"{disk.FullName} {format}", _ => new Lazy<Task<Digest>>(() => Task.Run(() => VmImageLayer.DigestAsync(disk, format, life.ApplicationStopping))));
        try
        {
            return await reading.Value.WaitAsync(cancel);
        }
        finally
        {
            // It is written down by who asked; one that failed is tried anew by the next.
            if (reading.Value.IsCompleted)
                _readings.TryRemove(new($"{disk.FullName} {format}", reading));
        }
    }
}
