using System.Text.Json.Nodes;

namespace Baremetal.Lab.Bmc;

/// <summary>The resources that the service shows, property by property as in DMTF's schema bundle (DSP8010).</summary>
internal static class RedfishResources
{
    public const string Root = "/redfish/v1/";
    public const string Systems = "/redfish/v1/Systems";
    public const string System = "/redfish/v1/Systems/{id}";
    public const string Reset = "/redfish/v1/Systems/{id}/Actions/ComputerSystem.Reset";

    public static string PathOf(VirtualServer server) => $"{Systems}/{server.Spec.Name}";

    public static JsonObject Versions() => new() { ["v1"] = Root };

    public static JsonObject ServiceRoot() => new()
    {
        ["@odata.type"] = "#ServiceRoot.v1_5_0.ServiceRoot",
        ["@odata.id"] = Root,
        ["Id"] = "RootService",
        ["Name"] = "Lab BMC",
        ["RedfishVersion"] = "1.8.0",
        ["Systems"] = Link(Systems),
    };

    public static JsonObject Collection(IEnumerable<VirtualServer> servers)
    {
        JsonArray members = [.. servers.Select(server => Link(PathOf(server)))];
        return new()
        {
            ["@odata.type"] = "#ComputerSystemCollection.ComputerSystemCollection",
            ["@odata.id"] = Systems,
            ["Name"] = "Computer System Collection",
            ["Members@odata.count"] = members.Count,
            ["Members"] = members,
        };
    }

    public static JsonObject ComputerSystem(VirtualServer server) => new()
    {
        ["@odata.type"] = "#ComputerSystem.v1_13_0.ComputerSystem",
        ["@odata.id"] = PathOf(server),
        ["Id"] = server.Spec.Name,
        ["Name"] = server.Spec.Name,
        ["SystemType"] = "Virtual",
        ["Manufacturer"] = server.Spec.Manufacturer,
        ["Model"] = server.Spec.Product,
        ["SerialNumber"] = server.Spec.Serial,
        ["UUID"] = server.Spec.Uuid.ToString(),
        ["PowerState"] = server.PowerState.ToString(),
        ["Boot"] = Boot(server),
        ["Actions"] = new JsonObject
        {
            ["#ComputerSystem.Reset"] = new JsonObject
            {
                ["target"] = $"{PathOf(server)}/Actions/ComputerSystem.Reset",
                ["ResetType@Redfish.AllowableValues"] = new JsonArray([.. PowerActions.Names]),
            },
        },
    };

    private static JsonObject Boot(VirtualServer server) => new()
    {
        ["BootSourceOverrideEnabled"] = server.NextBoot == BootTarget.None ? BootOverride.Disabled : BootOverride.Once,
        ["BootSourceOverrideEnabled@Redfish.AllowableValues"] = new JsonArray(BootOverride.Disabled, BootOverride.Once),
        ["BootSourceOverrideTarget"] = BootOverride.NameOf(server.NextBoot),
        ["BootSourceOverrideTarget@Redfish.AllowableValues"] = new JsonArray([.. BootOverride.Targets.Keys]),
        ["BootSourceOverrideMode"] = BootOverride.ModeOf(server.Spec.Firmware),
        ["BootSourceOverrideMode@Redfish.AllowableValues"] = new JsonArray(BootOverride.ModeOf(server.Spec.Firmware)),
    };

    private static JsonObject Link(string path) => new() { ["@odata.id"] = path };
}
