using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Baremetal.Api.Client;
using Baremetal.Cli.Display;

namespace Baremetal.Cli;

/// <summary>One run of one command: what was given, and where the answer goes.</summary>
internal sealed class Invocation(ParseResult parse, Shell shell)
{
    public Shell Shell => shell;

    public Screen Out => Shell.Out;

    public DateTimeOffset Now => Shell.Time.GetUtcNow();

    public bool WantsJson => Global(GlobalOptions.Output) == GlobalOptions.Json;

    public ConductorClient Connect() => ConductorAccess.Open(this);

    public T? Get<T>(Option<T> option) => parse.GetValue(option);

    public T? Get<T>(Argument<T> argument) => parse.GetValue(argument);

    public T Require<T>(Option<T> option) where T : notnull => parse.GetRequiredValue(option);

    public T Require<T>(Argument<T> argument) where T : notnull => parse.GetRequiredValue(argument);

    /// <summary>One of <see cref="GlobalOptions"/>.</summary>
    public string? Global(string option) => parse.GetValue<string>(option);

    /// <summary>Shows an answer: the JSON as the API has it to a program, else the view.</summary>
    public void Show<T>(T value, JsonTypeInfo<T> json, Action<Screen, T> view)
    {
        if (WantsJson)
            Out.Writer.WriteLine(JsonSerializer.Serialize(value, json));
        else
            view(Out, value);
    }
}
