using Baremetal.Api;

namespace Baremetal.Conductor.Power;

/// <summary>A start from the network that is asked of a machine.</summary>
/// <param name="Firmware">How its firmware boots; null when nobody has said and it was not inspected.</param>
/// <param name="Policy">What its firmware tries first.</param>
public sealed record NetworkStart(FirmwareMode? Firmware, BootPolicy Policy)
{
    /// <summary>
    /// Sets and reads back the one-time override that takes the firmware to the network. Firmware that tries the network first gets there
    /// without: a controller that refuses overrides, or forgets them, does such a node no harm.
    /// </summary>
    public async Task OverrideAsync(Func<Task> set)
    {
        try
        {
            await set();
        }
        catch (PowerException) when (Policy == BootPolicy.NetworkFirst)
        {
            // A controller that is gone is found by the next thing that is asked of it.
        }
    }
}
