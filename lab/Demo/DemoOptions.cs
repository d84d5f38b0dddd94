using System.Globalization;
using Baremetal.Api;

namespace Baremetal.Lab.Demo;

/// <summary>What the demo was asked for; <c>./demo.sh --help</c> says how.</summary>
internal sealed record DemoOptions(int Nodes, FirmwareMode? Firmware, bool Keep)
{
    // Each server runs two emulated processors; more of them than that wait for each other longer than anyone looks on.
    private const int MostNodes = 8;

    public static bool TryParse(ReadOnlySpan<string> args, out DemoOptions options)
    {
        options = new DemoOptions(2, null, false);
        for (var i = 0; i < args.Length; i++)
        {
            var value = i + 1 < args.Length ? args[i + 1] : "";
            switch (args[i])
            {
                case "--keep":
                    options = options with { Keep = true };
                    break;
                case "--nodes" when int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var nodes) && nodes is >= 1 and <= MostNodes:
                    options = options with { Nodes = nodes };
                    i++;
                    break;
                case "--firmware" when Enum.TryParse<FirmwareMode>(value, ignoreCase: true, out var firmware) && !char.IsDigit(value[0]):
                    options = options with { Firmware = firmware };
                    i++;
                    break;
                default:
                    return false;
            }
        }
        return true;
    }
}
