using System.Runtime.InteropServices;
using System.Text;
using Baremetal.Cli.Display;
using Microsoft.Win32.SafeHandles;

namespace Baremetal.Cli.Tests.Display;

public sealed class HiddenLineTests
{
    [Fact]
    public async Task Ask_OnATerminal_TakesTheLineAndShowsNothingOfIt()
    {
        using var terminal = new Pty();
        var asked = Task.Run(() => HiddenLine.Ask(terminal.Path, "Passphrase: "), TestContext.Current.CancellationToken);
        Assert.EndsWith("Passphrase: ", terminal.ReadUntil(": "), StringComparison.Ordinal);

        terminal.Type("correct horse ä\n");

        Assert.Equal("correct horse ä"u8.ToArray(), await asked);
        // The newline is ours: had the line been shown, it would stand before it.
        Assert.Equal("\r\n", terminal.ReadUntil("\n"));
    }

    [Fact]
    public async Task Ask_Afterwards_TheTerminalShowsWhatIsTypedAgain()
    {
        using var terminal = new Pty();
        var asked = Task.Run(() => HiddenLine.Ask(terminal.Path, "Passphrase: "), TestContext.Current.CancellationToken);
        terminal.ReadUntil(": ");
        terminal.Type("secret\n");
        await asked;
        terminal.ReadUntil("\n");

        terminal.Type("shown\n");

        Assert.Equal("shown\r\n", terminal.ReadUntil("\n"));
    }

    [Fact]
    public async Task Ask_EndOfInput_IsNoAnswer()
    {
        using var terminal = new Pty();
        var asked = Task.Run(() => HiddenLine.Ask(terminal.Path, "Passphrase: "), TestContext.Current.CancellationToken);
        terminal.ReadUntil(": ");

        terminal.Type("\u0004");

        Assert.Null(await asked);
    }

    [Fact]
    public void Ask_FileThatIsNoTerminal_Fails()
    {
        using var folder = new ScratchFolder();

        Assert.Throws<IOException>(() => HiddenLine.Ask(folder.Write("file", "line\n"u8), "Passphrase: "));
    }
}

/// <summary>A terminal whose keyboard and screen are the test.</summary>
internal sealed partial class Pty : IDisposable
{
    private const int ReadWriteNotControlling = 0x2 | 0x100;

    private readonly FileStream _keyboardAndScreen;

    // Held open, so that the screen does not end between two programs.
    private readonly FileStream _held;

    public Pty()
    {
        var master = new SafeFileHandle(posix_openpt(ReadWriteNotControlling), ownsHandle: true);
        Assert.Equal(0, grantpt(master));
        Assert.Equal(0, unlockpt(master));
        Span<byte> name = stackalloc byte[128];
        Assert.Equal(0, ptsname_r(master, name, name.Length));
        Path = Encoding.ASCII.GetString(name[..name.IndexOf((byte)0)]);
        _keyboardAndScreen = new FileStream(master, FileAccess.ReadWrite, bufferSize: 0);
        _held = new FileStream(Path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
    }

    public string Path { get; }

    public void Type(string text) => _keyboardAndScreen.Write(Encoding.UTF8.GetBytes(text));

    public string ReadUntil(string end)
    {
        var shown = "";
        var buffer = new byte[256];
        while (!shown.EndsWith(end, StringComparison.Ordinal))
            shown += Encoding.UTF8.GetString(buffer.AsSpan(0, _keyboardAndScreen.Read(buffer)));
        return shown;
    }

    public void Dispose()
    {
        _held.Dispose();
        _keyboardAndScreen.Dispose();
    }

    [LibraryImport("libc")]
    private static partial int posix_openpt(int flags);

    [LibraryImport("libc")]
    private static partial int grantpt(SafeFileHandle pty);

    [LibraryImport("libc")]
    private static partial int unlockpt(SafeFileHandle pty);

    [LibraryImport("libc")]
    private static partial int ptsname_r(SafeFileHandle pty, Span<byte> name, nint length);
}
