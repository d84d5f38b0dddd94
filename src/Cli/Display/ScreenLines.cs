using System.Text;

namespace Baremetal.Cli.Display;

/// <summary>Bytes of somebody else's, written to a screen line by line, so that nothing in them steers the terminal.</summary>
internal sealed class ScreenLines(Screen screen) : Stream
{
    /// <summary>What has no line ends is shown in pieces.</summary>
    private const int LongestLine = 16 << 10;

    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();
    private readonly StringBuilder _line = new();

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        var text = new char[Encoding.UTF8.GetMaxCharCount(buffer.Length)];
        var length = _decoder.GetChars(buffer, text, flush: false);
        foreach (var letter in text.AsSpan(0, length))
        {
            if (letter == '\n' || _line.Length >= LongestLine)
                EndLine();
            if (letter != '\n')
                _line.Append(letter);
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing && _line.Length > 0)
            EndLine();
        base.Dispose(disposing);
    }

    private void EndLine()
    {
        // A serial console ends its lines with both.
        screen.Line(_line.ToString().TrimEnd('\r'));
        _line.Clear();
    }
}
