using Baremetal.Conductor.Database;
using Baremetal.Conductor.Settings;

namespace Baremetal.Conductor.Agents;

/// <summary>Any call of an agent says that it lives.</summary>
internal sealed class SignOfLife(IDatabase database, ConductorSettings settings, TimeProvider time) : IEndpointFilter
{
    public ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        AgentTable.Touch(database, AgentCaller.Of(context.HttpContext.User), settings.Limits.HeartbeatLost, time.GetUtcNow());
        return next(context);
    }
}
