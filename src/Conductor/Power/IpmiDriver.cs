using Baremetal.Api;

namespace Baremetal.Conductor.Power;

/// <summary>A machine behind a BMC that speaks IPMI 2.0 over LAN. What it says it did is believed when it shows.</summary>
internal sealed class IpmiDriver(IpmiAccess access, TimeProvider time) : IPowerDriver
{
    private readonly IpmiTool _tool = new(access, time);

    public async Task<PowerState> GetStateAsync(CancellationToken cancel) => await _tool.ChassisAsync(["power", "status"], cancel) switch
    {
        var said when said.Contains("Chassis Power is on", StringComparison.Ordinal) => PowerState.On,
        var said when said.Contains("Chassis Power is off", StringComparison.Ordinal) => PowerState.Off,
        _ => PowerState.Unknown,
    };

    public Task SetAsync(PowerTarget target, CancellationToken cancel) => Switch().SetAsync(target, cancel);

    public async Task<NetworkBoot> BootFromNetworkAsync(NetworkStart start, CancellationToken cancel)
    {
        var switching = Switch();
        // Off first: what is set on a running machine can be used up by a restart that is already on its way.
        await switching.ToAsync(PowerState.Off, cancel);
        await start.OverrideAsync(() => OverrideAsync(start.Firmware, cancel));
        // As late as can be: what the machine sent before it went off may still arrive.
        var offAt = time.GetUtcNow();
        await switching.StartAsync(cancel);
        return new NetworkBoot(offAt);
    }

    private async Task OverrideAsync(FirmwareMode? firmware, CancellationToken cancel)
    {
        // There is no word for "as it is": without efiboot, firmware that knows both ways boots the old one. Of a node that was never
        // inspected only the operator knows.
        await _tool.ChassisAsync(["bootdev", "pxe", .. firmware == FirmwareMode.Uefi ? ["options=efiboot"] : Array.Empty<string>()], cancel);
        var flags = await _tool.ChassisAsync(["bootparam", "get", "5"], cancel);
        // The device alone: BMCs take the other flags without showing them, the one that says whether flags are valid included.
        if (!flags.Contains("Boot Device Selector : Force PXE", StringComparison.Ordinal))
        {
            throw new PowerException(
                $"{access} accepted a one-time boot from the network, but says '{SelectorIn(flags)}' when asked.",
                "Look at the boot settings in the BMC; some refuse them while firmware settings are pending.",
                again: true);
        }
    }

    private Switching Switch() => new($"{access}", GetStateAsync, (target, cancel) => _tool.ChassisAsync(["power", target.ToString().ToLowerInvariant()], cancel), time);

    private static string SelectorIn(string flags) =>
        flags.Split('\n').FirstOrDefault(line => line.Contains("Boot Device Selector", StringComparison.Ordinal))?.Trim(' ', '-') ?? "nothing of a boot device";
}
