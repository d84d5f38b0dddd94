using Baremetal.Api;

namespace Baremetal.Conductor.Power;

/// <summary>
/// A machine behind a Redfish service (DMTF DSP0266). Controllers answer 200 and do nothing, do it later, or forget: so the state that was
/// asked for is read back until it is there, and so is the boot override before the machine is started on it.
/// </summary>
/// <param name="own">Told which system this is, as <see cref="SystemClaims"/> names it, before anything is asked of it; throws when it is not the node's.</param>
internal sealed class RedfishDriver(RedfishAccess access, TimeProvider time, Action<string> own) : IPowerDriver
{
    /// <summary>Between two looks at the state; controllers are small computers.</summary>
    private static readonly TimeSpan Pace = TimeSpan.FromSeconds(1);

    /// <summary>A hard power-off or power-on takes a few seconds; a minute without is a refusal.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    public async Task<PowerState> GetStateAsync(CancellationToken cancel)
    {
        using var service = new RedfishService(access, time, own);
        return StateOf(await service.GetSystemAsync(cancel));
    }

    public async Task SetAsync(PowerTarget target, CancellationToken cancel)
    {
        using var service = new RedfishService(access, time, own);
        switch (target)
        {
            case PowerTarget.On:
                await SwitchAsync(service, PowerState.On, cancel);
                break;
            case PowerTarget.Off:
                await SwitchAsync(service, PowerState.Off, cancel);
                break;
            case PowerTarget.Reset:
                await service.ResetAsync("ForceRestart", cancel);
                break;
            case PowerTarget.Cycle:
                await SwitchAsync(service, PowerState.Off, cancel);
                await SwitchAsync(service, PowerState.On, cancel);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(target), target, null);
        }
    }

    public async Task<NetworkBoot> BootFromNetworkAsync(FirmwareMode? firmware, CancellationToken cancel)
    {
        using var service = new RedfishService(access, time, own);
        // Off first: an override that is set on a running machine can be used up by a restart that is already on its way.
        await SwitchAsync(service, PowerState.Off, cancel);
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
        // As late as can be: what the machine sent before it went off may still arrive.
        var offAt = time.GetUtcNow();
        await SwitchAsync(service, PowerState.On, cancel);
        return new NetworkBoot(offAt);
    }

    private async Task SwitchAsync(RedfishService service, PowerState wanted, CancellationToken cancel)
    {
        if (StateOf(await service.GetSystemAsync(cancel)) == wanted)
            return;
        await service.ResetAsync(wanted == PowerState.On ? "On" : "ForceOff", cancel);
        var until = time.GetUtcNow() + Patience;
        PowerState state;
        while ((state = StateOf(await service.GetSystemAsync(cancel))) != wanted)
        {
            if (time.GetUtcNow() >= until)
            {
                throw new PowerException(
                    $"{access} accepted to switch {wanted.ToString().ToLowerInvariant()}, but after {Patience.TotalSeconds:0} s the machine is still {state.ToString().ToLowerInvariant()}.",
                    "Look at the machine and at its controller's log.",
                    again: true);
            }
            await Task.Delay(Pace, time, cancel);
        }
    }

    // PoweringOn and PoweringOff are neither: the wait goes on.
    private static PowerState StateOf(RedfishSystem system) => system.PowerState switch
    {
        "On" => PowerState.On,
        "Off" => PowerState.Off,
        _ => PowerState.Unknown,
    };
}
