using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Baremetal.Cli.Display;

/// <summary>A terminal that hands over each key as it is typed and shows nothing by itself (cfmakeraw(3)), until this is disposed, or the process is told to end.</summary>
internal sealed partial class RawTerminal : IDisposable
{
    // <asm-generic/termbits.h>: less than this in glibc and musl.
    private const int TermiosRoom = 256;
    private const int AfterOutput = 1;

    private readonly FileStream _terminal;
    private readonly byte[] _settings;
    private readonly List<PosixSignalRegistration> _signals;

    /// <exception cref="IOException">It is no terminal.</exception>
    public RawTerminal(string path)
    {
        _terminal = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
        Span<byte> settings = stackalloc byte[TermiosRoom];
        if (tcgetattr(_terminal.SafeFileHandle, settings) != 0)
        {
            _terminal.Dispose();
            throw new IOException($"{path} is no terminal.");
        }
        _settings = settings.ToArray();
        // Whatever ends us must not leave a shell behind that shows nothing of what is typed.
        _signals = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP, PosixSignal.SIGQUIT }.Select(signal => PosixSignalRegistration.Create(signal, _ => Restore()))];
        cfmakeraw(settings);
        _ = tcsetattr(_terminal.SafeFileHandle, AfterOutput, settings);
    }

    public void Dispose()
    {
        foreach (var signal in _signals)
            signal.Dispose();
        Restore();
        _terminal.Dispose();
    }

    private void Restore() => _ = tcsetattr(_terminal.SafeFileHandle, AfterOutput, _settings);

    [LibraryImport("libc")]
    private static partial int tcgetattr(SafeFileHandle terminal, Span<byte> settings);

    [LibraryImport("libc")]
    private static partial int tcsetattr(SafeFileHandle terminal, int when, ReadOnlySpan<byte> settings);

    [LibraryImport("libc")]
    private static partial void cfmakeraw(Span<byte> settings);
}
