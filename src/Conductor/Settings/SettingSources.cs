using System.Collections;
using System.Text.Json;
using Baremetal.Trust;

namespace Baremetal.Conductor.Settings;

/// <summary>Where settings come from, the later ones above the earlier ones, each known by the name that its author would look for.</summary>
internal sealed class SettingSources
{
    public const string VariablePrefix = "CONDUCTOR_";

    private readonly List<Func<string, string>> _origins = [];
    private readonly IConfigurationRoot _root;

    /// <param name="files">Those that exist, in their order; one that cannot be read is a fault and nothing else.</param>
    public SettingSources(IEnumerable<string> files, IEnumerable<KeyValuePair<string, string?>> overrides, List<Rejection> faults)
    {
        var builder = new ConfigurationBuilder();
        foreach (var file in files)
        {
            if (FaultOf(file) is { } fault)
            {
                faults.Add(fault);
                continue;
            }
            builder.AddJsonFile(file);
            _origins.Add(_ => file);
        }
        builder.AddEnvironmentVariables(VariablePrefix);
        _origins.Add(name => $"the variable {VariableOf(name)}");
        builder.AddInMemoryCollection(overrides.GroupBy(one => one.Key, StringComparer.OrdinalIgnoreCase).Select(same => same.Last()));
        _origins.Add(name => $"--set {name.Replace(':', '.')}");
        _root = builder.Build();
    }

    public IConfiguration All => _root;

    /// <summary>The source whose word holds.</summary>
    public string OriginOf(string name) => _root.Providers.Zip(_origins).Last(one => one.First.TryGet(name, out _)).Second(name);

    private static Rejection? FaultOf(string file)
    {
        try
        {
            new ConfigurationBuilder().AddJsonFile(file).Build();
            return null;
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            Exception cause = e;
            while (cause.InnerException is { } inner && cause is not JsonException)
                cause = inner;
            return cause is JsonException { LineNumber: { } line, BytePositionInLine: { } column } json
                ? new Rejection($"The settings file {file}, line {line + 1}, column {column + 1}: {Bare(json.Message)}", "It must be one JSON object: {\"plainPort\": 8080, \"dhcp\": {\"mode\": \"off\"}}.")
                : new Rejection($"The settings file {file} cannot be read: {cause.Message}");
        }
    }

    // The parser repeats the place, counted from zero.
    private static string Bare(string message) => message.IndexOf(" LineNumber:", StringComparison.Ordinal) is >= 0 and var end ? message[..end] : message;

    // As it is written in the environment: variables are read whatever their case.
    private static string VariableOf(string name) => Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().Select(one => (string)one.Key)
        .FirstOrDefault(one => (VariablePrefix + name).Equals(one.Replace("__", ":", StringComparison.Ordinal), StringComparison.OrdinalIgnoreCase)) ?? VariablePrefix + name;
}
