using System.Text.Json.Nodes;
using Baremetal.Api;

namespace Baremetal.Lab.Bmc;

/// <summary>The <c>Boot</c> object of a PATCH: which of its words are known, and what they mean for a virtual server.</summary>
internal static class BootOverride
{
    public const string Disabled = "Disabled";
    public const string Once = "Once";

    public static readonly IReadOnlyDictionary<string, BootTarget> Targets = new Dictionary<string, BootTarget>
    {
        ["None"] = BootTarget.None,
        ["Pxe"] = BootTarget.Network,
        ["Hdd"] = BootTarget.Disk,
    };

    public static string NameOf(BootTarget target) => Targets.First(pair => pair.Value == target).Key;

    public static string ModeOf(FirmwareMode firmware) => firmware == FirmwareMode.Uefi ? "UEFI" : "Legacy";

    /// <summary>
    /// What the next boot shall be after this PATCH. Properties that are left out stay as they are; <c>Continuous</c> is refused, for
    /// a server's lasting order is its own.
    /// </summary>
    public static bool TryRead(JsonNode? body, VirtualServer server, out BootTarget next, out RedfishError? error)
    {
        next = server.NextBoot;
        error = null;
        if (body is not JsonObject resource)
            error = RedfishError.Malformed;
        else if (resource.FirstOrDefault(property => property.Key != "Boot") is { Key: { } other })
            error = RedfishError.Unknown(other);
        else if (resource["Boot"] is not JsonObject boot)
            error = RedfishError.Malformed;
        else
            error = Read(boot, server, ref next);
        return error is null;
    }

    private static RedfishError? Read(JsonObject boot, VirtualServer server, ref BootTarget next)
    {
        var target = next;
        var enabled = next == BootTarget.None ? Disabled : Once;
        foreach (var (property, node) in boot)
        {
            var value = node is JsonValue word && word.TryGetValue<string>(out var text) ? text : node?.ToJsonString() ?? "null";
            string[] allowed;
            switch (property)
            {
                case "BootSourceOverrideTarget":
                    if (!Targets.TryGetValue(value, out target))
                        return RedfishError.NotInList(property, value, Targets.Keys);
                    // DMTF's clients send both; some firmware takes the target alone as an order for the next boot, and so do we.
                    enabled = boot.ContainsKey("BootSourceOverrideEnabled") ? enabled : Once;
                    continue;
                case "BootSourceOverrideEnabled":
                    allowed = [Disabled, Once];
                    enabled = value;
                    break;
                case "BootSourceOverrideMode":
                    allowed = [ModeOf(server.Spec.Firmware)];
                    break;
                default:
                    return RedfishError.Unknown($"Boot/{property}");
            }
            if (!allowed.Contains(value))
                return RedfishError.NotInList(property, value, allowed);
        }
        next = enabled == Once ? target : BootTarget.None;
        return null;
    }
}
