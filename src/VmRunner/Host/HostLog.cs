using Baremetal.Trust;

namespace Baremetal.VmRunner.Host;

/// <summary>What the service says to the journal, a line each. The same thing about one subject is said once, until something else is.</summary>
internal sealed class HostLog(TextWriter output)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, string> _last = new(StringComparer.Ordinal);

    public void Say(string text)
    {
        lock (_gate)
        {
            output.WriteLine(Printable.Of(text));
            output.Flush();
        }
    }

    /// <param name="subject">What it is about.</param>
    /// <param name="text">The news.</param>
    public void SayOnce(string subject, string text)
    {
        lock (_gate)
        {
            if (_last.GetValueOrDefault(subject) == text)
                return;
            _last[subject] = text;
        }
        Say(text);
    }

    /// <summary>The subject is over: whatever comes of it next is news.</summary>
    public void Forget(string subject)
    {
        lock (_gate)
            _last.Remove(subject);
    }
}
