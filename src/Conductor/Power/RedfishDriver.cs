using Baremetal.Api;

namespace Baremetal.Conductor.Power;

/// <summary>
/// A machine behind a Redfish service (DMTF DSP0266). Controllers answer 200 and forget: so the boot override is read back before the
/// machine is started on it.
/// </summary>
/// <param name="own">Told which system this is, as <see cref="SystemClaims"/> names it, before anything is asked of it; throws when it is not the node's.</param>
internal sealed class RedfishDriver(RedfishAccess access, TimeProvider time, Action<string> own) : IPowerDriver
{
    public async Task<PowerState> GetStateAsync(CancellationToken cancel)
    {
        using var service = new RedfishService(access, time, own);
        return StateOf(await service.GetSystemAsync(cancel));
    }

    public async Task SetAsync(PowerTarget target, CancellationToken cancel)
    {
        using var service = new RedfishService(access, time, own);
        await SwitchingBy(service).SetAsync(target, cancel);
    }

    public async Task<NetworkBoot> BootFromNetworkAsync(NetworkStart start, CancellationToken cancel)
    {
        using var service = new RedfishService(access, time, own);
        var switching = SwitchingBy(service);
        // Off first: an override that is set on a running machine can be used up by a restart that is already on its way.
        await switching.ToAsync(PowerState.Off, cancel);
        await start.OverrideAsync(() => OverrideAsync(service, start.Firmware, cancel));
        // As late as can be: what the machine sent before it went off may still arrive.
        var offAt = time.GetUtcNow();
        await switching.StartAsync(cancel);
        return new NetworkBoot(offAt);
    }

    private async Task OverrideAsync(RedfishService service, FirmwareMode? firmware, CancellationToken cancel)
    {
        await service.SetBootOverrideAsync(
            new RedfishBoot("Once", "Pxe", firmware switch { FirmwareMode.Uefi => "UEFI", FirmwareMode.Bios => "Legacy", _ => null }),
            cancel);
        var boot = (await service.GetSystemAsync(cancel)).Boot;
        if (boot is not { BootSourceOverrideEnabled: "Once", BootSourceOverrideTarget: "Pxe" })
        {
            throw new PowerException(
                $"{access} accepted a one-time boot from the network, but says '{boot?.BootSourceOverrideEnabled} {boot?.BootSourceOverrideTarget}' when asked.",
                "Look at the system's boot settings in its controller; some refuse overrides while firmware settings are pending.",
                again: true);
        }
    }

    private Switching SwitchingBy(RedfishService service) => new(
        $"{access}",
        async cancel => StateOf(await service.GetSystemAsync(cancel)),
        (target, cancel) => service.ResetAsync(target switch { PowerTarget.On => "On", PowerTarget.Off => "ForceOff", _ => "ForceRestart" }, cancel),
        time);

    // PoweringOn and PoweringOff are neither: the wait goes on.
    private static PowerState StateOf(RedfishSystem system) => system.PowerState switch
    {
        "On" => PowerState.On,
        "Off" => PowerState.Off,
        _ => PowerState.Unknown,
    };
}
