using Baremetal.Api;

namespace Baremetal.Conductor.Power;

/// <summary>
/// Brings a machine into the state that is wanted, whatever its controller speaks. Controllers take an order and do nothing, or do it later:
/// so the state is read back until it is there.
/// </summary>
/// <param name="controller">As errors name it.</param>
/// <param name="order">On, off or reset; returns when the controller has taken it.</param>
internal sealed class Switching(string controller, Func<CancellationToken, Task<PowerState>> ask, Func<PowerTarget, CancellationToken, Task> order, TimeProvider time)
{
    /// <summary>Between two looks at the state; controllers are small computers.</summary>
    private static readonly TimeSpan Pace = TimeSpan.FromSeconds(1);

    /// <summary>A hard power-off or power-on takes a few seconds; a minute without is a refusal.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    public async Task SetAsync(PowerTarget target, CancellationToken cancel)
    {
        switch (target)
        {
            case PowerTarget.On:
                await ToAsync(PowerState.On, cancel);
                break;
            case PowerTarget.Off:
                await ToAsync(PowerState.Off, cancel);
                break;
            case PowerTarget.Reset:
                await order(PowerTarget.Reset, cancel);
                break;
            case PowerTarget.Cycle:
                // Not a controller's own cycle: nothing would tell when it is over, or that it ever was off.
                await ToAsync(PowerState.Off, cancel);
                await ToAsync(PowerState.On, cancel);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(target), target, null);
        }
    }

    public async Task ToAsync(PowerState wanted, CancellationToken cancel)
    {
        if (await ask(cancel) == wanted)
            return;
        await order(wanted == PowerState.On ? PowerTarget.On : PowerTarget.Off, cancel);
        var until = time.GetUtcNow() + Patience;
        PowerState state;
        while ((state = await LookAsync(until, cancel)) != wanted)
        {
            if (time.GetUtcNow() >= until)
            {
                throw new PowerException(
                    $"{controller} accepted to switch {wanted.ToString().ToLowerInvariant()}, but after {Patience.TotalSeconds:0} s the machine is still {state.ToString().ToLowerInvariant()}.",
                    "Look at the machine and at its controller's log.",
                    again: true);
            }
            await Task.Delay(Pace, time, cancel);
        }
    }

    /// <summary>On, from off. A machine that is on already was started by somebody else, without what it was to boot.</summary>
    public async Task StartAsync(CancellationToken cancel)
    {
        if (await ask(cancel) == PowerState.On)
        {
            throw new PowerException(
                $"{controller} says that the machine was switched on by somebody else while its start from the network was prepared.",
                "It is switched off and started again; look who else gives it orders.",
                again: true);
        }
        await ToAsync(PowerState.On, cancel);
    }

    /// <summary>A controller that shares a network port with its machine is gone for seconds while that loses or gets power: no answer yet, until there is no time left.</summary>
    private async Task<PowerState> LookAsync(DateTimeOffset until, CancellationToken cancel)
    {
        try
        {
            return await ask(cancel);
        }
        catch (PowerException e) when (e.Again && time.GetUtcNow() < until)
        {
            return PowerState.Unknown;
        }
    }
}
