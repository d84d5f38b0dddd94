using System.Globalization;
using System.Text;
using Baremetal.Lab;

namespace Baremetal.EndToEnd;

/// <summary>What a failed test's servers said and did last, with the test's result: where only that is kept, it is all there is.</summary>
internal static class LastWords
{
    private const int Lines = 12;

    public static void Tell(Lan lan)
    {
        var told = new StringBuilder();
        foreach (var server in lan.Servers)
        {
            told.AppendLine(CultureInfo.InvariantCulture, $"{server.Spec.Name}, {server.Spec.Firmware}:");
            Append(told, server.Serial.Tail(Lines));
            Append(told, server.Events.Tail(Lines));
            Append(told, Processors(lan, server));
        }
        TestContext.Current.TestOutputHelper?.WriteLine(told.ToString());
    }

    // Of all that is noted of them: which they are, and where in the code they were.
    private static IEnumerable<string> Processors(Lan lan, VirtualServer server) =>
        Path.Combine(lan.Folder, server.Spec.Name, VirtualServer.ProcessorLogName) is var log && File.Exists(log)
            ? File.ReadLines(log).Where(line => line.StartsWith("CPU#", StringComparison.Ordinal) || line.Contains("IP=", StringComparison.Ordinal))
            : [];

    private static void Append(StringBuilder told, IEnumerable<string> lines)
    {
        foreach (var line in lines)
            told.AppendLine(CultureInfo.InvariantCulture, $"  {line}");
    }
}
