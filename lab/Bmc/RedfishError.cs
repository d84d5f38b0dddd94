using System.Net;
using System.Text.Json.Nodes;

namespace Baremetal.Lab.Bmc;

/// <summary>
/// An error as Redfish has it (DSP0266 §8.6): a message of the Base registry (DSP8011), its arguments and its resolution in
/// <c>@Message.ExtendedInfo</c>.
/// </summary>
internal sealed record RedfishError(HttpStatusCode Status, string Id, string Text, string Remedy, params string[] Arguments)
{
    private const string Registry = "Base.1.8";

    public static readonly RedfishError Unauthorized = new(
        HttpStatusCode.Unauthorized, "NoValidSession", "There is no valid session established with the implementation.", "Send the user name and password of this BMC by HTTP basic authentication.");

    public static readonly RedfishError Malformed = new(
        HttpStatusCode.BadRequest, "MalformedJSON", "The request body submitted was malformed JSON and could not be parsed by the receiving service.", "Send one JSON object.");

    public static RedfishError Missing(string path) => new(
        HttpStatusCode.NotFound, "ResourceMissingAtURI", $"The resource at the URI {path} was not found.", "Follow the links from /redfish/v1/ to a resource that is there.", path);

    public static RedfishError Unknown(string property) => new(
        HttpStatusCode.BadRequest, "PropertyUnknown", $"The property {property} is not in the list of valid properties for the resource.", "Remove it; Boot is all that can be changed here.", property);

    public static RedfishError NotInList(string property, string value, IEnumerable<string> allowed) => new(
        HttpStatusCode.BadRequest, "PropertyValueNotInList", $"The value {value} for the property {property} is not in the list of acceptable values.", $"Use one of {string.Join(", ", allowed)}.", value, property);

    public static RedfishError ParameterMissing(string action, string parameter) => new(
        HttpStatusCode.BadRequest, "ActionParameterMissing", $"The action {action} requires that the parameter {parameter} be present in the request body.", $"Send {parameter} as a string.", action, parameter);

    public static RedfishError ParameterNotInList(string parameter, string value, IEnumerable<string> allowed) => new(
        HttpStatusCode.BadRequest, "ActionParameterValueNotInList", $"The value {value} for the parameter {parameter} is not in the list of acceptable values.", $"Use one of {string.Join(", ", allowed)}.", value, parameter);

    public static RedfishError Standby(string system) => new(
        HttpStatusCode.Conflict, "ResourceInStandby", "The request could not be performed because the resource is in standby.", $"{system} is off: use ResetType On.");

    public static RedfishError Internal(string cause) => new(
        HttpStatusCode.InternalServerError, "InternalError", $"The request failed due to an internal service error: {cause}", "Look into the lab's logs.");

    public JsonObject ToJson() => new()
    {
        ["error"] = new JsonObject
        {
            ["code"] = $"{Registry}.{Id}",
            ["message"] = Text,
            ["@Message.ExtendedInfo"] = new JsonArray(new JsonObject
            {
                ["@odata.type"] = "#Message.v1_1_1.Message",
                ["MessageId"] = $"{Registry}.{Id}",
                ["Message"] = Text,
                ["MessageArgs"] = new JsonArray([.. Arguments]),
                ["Severity"] = "Critical",
                ["Resolution"] = Remedy,
            }),
        },
    };
}
