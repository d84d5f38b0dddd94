using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Baremetal.Cli.Display;

/// <summary>A line that is typed on a terminal and not shown, as getpass(3) reads it: wherever standard input comes from.</summary>
internal static partial class HiddenLine
{
    // <asm-generic/termbits.h>: c_iflag, c_oflag, c_cflag, c_lflag, then what is passed through as it is. 60 bytes in glibc and musl.
    private const int TermiosRoom = 256;
    private const int LocalFlags = 12;
    private const uint Echo = 0x8;

    // Drops what was typed before the question: it was meant for something else, and has been shown.
    private const int AfterFlush = 2;

    private const int MaxBytes = 1024;

    /// <summary>Asks on the process's own terminal; null if it has none.</summary>
    public static byte[]? AskTerminal(string prompt)
    {
        try
        {
            return Ask("/dev/tty", prompt);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <returns>What was typed before Enter; null at the end of input (Ctrl-D on an empty line).</returns>
    public static byte[]? Ask(string terminal, string prompt)
    {
        using var stream = new FileStream(terminal, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
        var file = stream.SafeFileHandle;
        Span<byte> shown = stackalloc byte[TermiosRoom];
        if (tcgetattr(file, shown) != 0)
            throw new IOException($"{terminal} is no terminal.");
        var settings = shown.ToArray();
        var hidden = shown.ToArray();
        BinaryPrimitives.WriteUInt32LittleEndian(hidden.AsSpan(LocalFlags), BinaryPrimitives.ReadUInt32LittleEndian(settings.AsSpan(LocalFlags)) & ~Echo);

        // Ctrl-C must not leave a shell behind that shows nothing of what is typed.
        using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => tcsetattr(file, AfterFlush, settings));
        using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => tcsetattr(file, AfterFlush, settings));
        _ = tcsetattr(file, AfterFlush, hidden);
        try
        {
            stream.Write(Encoding.UTF8.GetBytes(prompt));
            return ReadLine(stream);
        }
        finally
        {
            _ = tcsetattr(file, AfterFlush, settings);
            // The Enter that ended the line was not shown either.
            stream.Write("\n"u8);
        }
    }

    // A terminal hands over whole lines.
    private static byte[]? ReadLine(FileStream terminal)
    {
        var line = new byte[MaxBytes];
        var length = terminal.Read(line);
        return length == 0 ? null : line.AsSpan(0, length).TrimEnd((byte)'\n').ToArray();
    }

    [LibraryImport("libc")]
    private static partial int tcgetattr(SafeFileHandle terminal, Span<byte> settings);

    [LibraryImport("libc")]
    private static partial int tcsetattr(SafeFileHandle terminal, int when, ReadOnlySpan<byte> settings);
}
