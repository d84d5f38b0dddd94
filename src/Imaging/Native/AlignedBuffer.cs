using System.Runtime.InteropServices;

namespace Baremetal.Imaging.Native;

/// <summary>
/// Memory outside the garbage collector's heap, aligned to 4096 bytes as O_DIRECT demands on any disk. Rented once for a whole write, so that
/// the budget made at the start is what is used.
/// </summary>
internal sealed unsafe class AlignedBuffer : IDisposable
{
    public const int Alignment = 4096;

    private byte* _memory;

    public AlignedBuffer(int length, bool zeroed = false)
    {
        Length = length;
        _memory = (byte*)NativeMemory.AlignedAlloc((nuint)length, Alignment);
        if (zeroed)
            Span.Clear();
    }

    public int Length { get; }

    public Span<byte> Span
    {
        get
        {
            ObjectDisposedException.ThrowIf(_memory is null, this);
            return new Span<byte>(_memory, Length);
        }
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_memory);
        _memory = null;
    }
}
