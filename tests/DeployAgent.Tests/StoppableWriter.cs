namespace Baremetal.DeployAgent.Tests;

/// <summary>A console that can be stopped, as by Ctrl-S: whoever writes then waits until it goes on.</summary>
internal sealed class StoppableWriter : StringWriter
{
    private readonly ManualResetEventSlim _goesOn = new(initialState: true);
    private readonly TaskCompletionSource _isBlocking = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public StoppableWriter() => NewLine = "\n";

    public void Stop() => _goesOn.Reset();

    /// <summary>Stops it, and waits until somebody hangs in it.</summary>
    public Task StopAsync(AgentConsole console)
    {
        Stop();
        console.Say("stop");
        return _isBlocking.Task;
    }

    public void Continue() => _goesOn.Set();

    public override void Write(char value)
    {
        Block();
        base.Write(value);
    }

    public override void Write(string? value)
    {
        Block();
        base.Write(value);
    }

    public override void WriteLine(string? value)
    {
        Block();
        base.WriteLine(value);
    }

    private void Block()
    {
        if (_goesOn.IsSet)
            return;
        _isBlocking.TrySetResult();
        _goesOn.Wait();
    }
}
