namespace Baremetal.Cli.Tests;

/// <summary>Output that tells when a text has been written to it.</summary>
internal sealed class WatchedWriter(string text) : StringWriter
{
    private readonly TaskCompletionSource _seen = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task Seen => _seen.Task;

    public override void Flush()
    {
        base.Flush();
        if (ToString().Contains(text, StringComparison.Ordinal))
            _seen.TrySetResult();
    }
}
