namespace Baremetal.Support;

/// <summary>
/// What a disk may hold after a power cut, by replay of what was done to it: all that was flushed, and of what was not yet flushed any
/// part, since a disk's cache is written back in any order and torn between any two of its sectors.
/// </summary>
public static class PowerCuts
{
    // A disk's physical sector: smaller ones tear no differently, and larger ones are made of these.
    private const int Piece = 4096;

    /// <summary>States at every flush, and several between any two events. The array is the same each time: it is copied by whoever keeps it.</summary>
    /// <param name="before">The disk before the first event.</param>
    /// <param name="events">As a <see cref="RecordingTarget"/> has them.</param>
    /// <param name="random">Chooses what was kept.</param>
    /// <param name="between">States between two events.</param>
    public static IEnumerable<byte[]> States(byte[] before, IEnumerable<RecordedWrite> events, Random random, int between)
    {
        var flushed = (byte[])before.Clone();
        var state = (byte[])before.Clone();
        var pending = new List<RecordedWrite>();
        foreach (var one in events)
        {
            for (var i = 0; i < between && pending.Count > 0; i++)
            {
                flushed.CopyTo(state, 0);
                Lose(pending, state, random, keep: random.Next(4) / 3.0);
                yield return state;
            }
            if (!one.IsFlush)
            {
                pending.Add(one);
                continue;
            }
            foreach (var write in pending)
                write.ApplyTo(flushed);
            pending.Clear();
            flushed.CopyTo(state, 0);
            yield return state;
        }
    }

    private static void Lose(List<RecordedWrite> pending, byte[] state, Random random, double keep)
    {
        foreach (var write in pending)
        {
            for (var at = 0L; at < write.Length; at += Piece)
            {
                if (random.NextDouble() >= keep)
                    continue;
                var length = (int)Math.Min(Piece, write.Length - at);
                var place = state.AsSpan((int)(write.Offset + at), length);
                if (write.Data is null)
                    place.Clear();
                else
                    write.Data.AsSpan((int)at, length).CopyTo(place);
            }
        }
    }
}
