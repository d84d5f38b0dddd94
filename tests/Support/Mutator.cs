namespace Baremetal.Support;

/// <summary>Seeded damage to bytes: the same seed always does the same.</summary>
public sealed class Mutator(int seed)
{
    private readonly Random _random = new(seed);

    /// <summary>A copy with one bit flipped.</summary>
    public static byte[] FlipBit(byte[] bytes, long bit)
    {
        var copy = (byte[])bytes.Clone();
        copy[bit / 8] ^= (byte)(1 << (int)(bit % 8));
        return copy;
    }

    /// <summary>A copy with a few flips, overwrites, extreme numbers or a cut, all within a range.</summary>
    public byte[] Mutate(byte[] bytes, Range within)
    {
        var copy = (byte[])bytes.Clone();
        var (start, length) = within.GetOffsetAndLength(copy.Length);
        for (var changes = _random.Next(1, 5); changes > 0 && length > 0; changes--)
        {
            var at = start + _random.Next(length);
            switch (_random.Next(4))
            {
                case 0:
                    copy[at] ^= (byte)(1 << _random.Next(8));
                    break;
                case 1:
                    copy[at] = (byte)_random.Next(256);
                    break;
                case 2:
                    copy.AsSpan(at, Math.Min(_random.Next(1, 9), start + length - at)).Fill((byte)(_random.Next(2) * 0xff));
                    break;
                default:
                    copy.AsSpan(start + _random.Next(length), 1).CopyTo(copy.AsSpan(at));
                    break;
            }
        }
        return copy;
    }
}
