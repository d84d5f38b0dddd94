using System.Text.Json.Nodes;

namespace Baremetal.Lab.Bmc;

/// <summary>The reset types of <c>#ComputerSystem.Reset</c> that a virtual server knows.</summary>
internal static class PowerActions
{
    private const string Parameter = "ResetType";

    // On and ForceOff on a server that is so already do nothing, as on most BMCs; a restart of one that is off is refused.
    private static readonly Dictionary<string, Func<VirtualServer, Task<RedfishError?>>> Actions = new()
    {
        ["On"] = server => Done(server.PowerOnAsync()),
        ["ForceOff"] = server => Done(server.PowerOffAsync()),
        ["ForceRestart"] = async server => await server.ResetAsync() ? null : RedfishError.Standby(server.Spec.Name),
        ["PowerCycle"] = server => Done(server.PowerCycleAsync()),
    };

    public static IEnumerable<string> Names => Actions.Keys;

    /// <summary>Does what the request's body asks for; returns once it is done, with the error or null.</summary>
    public static async Task<RedfishError?> RunAsync(VirtualServer server, JsonNode? body)
    {
        if (body is not JsonObject request)
            return RedfishError.Malformed;
        if (request[Parameter] is not JsonValue value || !value.TryGetValue<string>(out var type))
            return RedfishError.ParameterMissing("ComputerSystem.Reset", Parameter);
        if (!Actions.TryGetValue(type, out var action))
            return RedfishError.ParameterNotInList(Parameter, type, Names);
        try
        {
            return await action(server);
        }
        catch (Exception error) when (error is InvalidOperationException or TimeoutException or IOException)
        {
            return RedfishError.Internal(error.Message);
        }
    }

    private static async Task<RedfishError?> Done(Task action)
    {
        await action;
        return null;
    }
}
