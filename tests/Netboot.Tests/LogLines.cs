using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Baremetal.Netboot.Tests;

/// <summary>A log that a test can wait on, by the stable numbers of its events.</summary>
internal sealed class LogLines : ILogger
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    private readonly Channel<(int Event, string Text)> lines = Channel.CreateUnbounded<(int, string)>();

    public async Task<string> WaitForAsync(int wanted, CancellationToken cancel)
    {
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        bounded.CancelAfter(Bound);
        var seen = new List<string>();
        try
        {
            await foreach (var (number, text) in lines.Reader.ReadAllAsync(bounded.Token))
            {
                if (number == wanted)
                    return text;
                seen.Add($"{number} {text}");
            }
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            // said below
        }
        throw new TimeoutException($"The log had no event {wanted} within {Bound.TotalSeconds} s, but: {string.Join("; ", seen)}");
    }

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        lines.Writer.TryWrite((eventId.Id, $"{logLevel}: {formatter(state, exception)}{exception}"));

    public bool IsEnabled(LogLevel logLevel) => true;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;
}
