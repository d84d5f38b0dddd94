using System.CommandLine;

namespace Baremetal.Cli;

/// <summary>A command that does something: its name, what it does, how it is typed, and what runs.</summary>
internal sealed class Verb : Command
{
    public Verb(string name, string description, string example, Func<Invocation, CancellationToken, Task<int>> run)
        : base(name, description)
    {
        Example = example;
        SetAction((parse, cancel) => run(new Invocation(parse, (Shell)parse.InvocationConfiguration), cancel));
    }

    /// <summary>One or more whole command lines, as they would really be typed.</summary>
    public string Example { get; }

    /// <summary>Options that several commands share.</summary>
    public void Add(IEnumerable<Option> options)
    {
        foreach (var option in options)
            Add(option);
    }
}
