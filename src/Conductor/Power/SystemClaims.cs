using System.Data;
using Baremetal.Api;
using Baremetal.Conductor.Database;
using Dapper;

namespace Baremetal.Conductor.Power;

/// <summary>
/// Which system of which controller each node is. Two nodes are never one: what is ordered for the one would switch, and write, the other.
/// </summary>
internal static class SystemClaims
{
    /// <summary>
    /// One spelling for what is one system: the controller's host and port, and the path below. Letters' case counts in neither (no controller
    /// has two systems that differ in it), nor does a scheme's own port: http and https lead into the same controller. A base address, which
    /// leaves it to the controller to name its system, ends at the host.
    /// </summary>
    public static string NameOf(Uri controller, string path)
    {
        var port = controller.IsDefaultPort ? "" : $":{controller.Port}";
        var system = string.Join('/', path.Split('/', StringSplitOptions.RemoveEmptyEntries));
        return $"{controller.IdnHost.TrimEnd('.')}{port}/{(RedfishService.IsSystem("/" + system) ? system : "")}".ToLowerInvariant();
    }

    /// <summary>A BMC that speaks IPMI is one system, whatever else its address says; its host and port are the name.</summary>
    public static string NameOf(Uri controller) => controller.Scheme == IpmiAddress.Scheme
        ? $"{controller.IdnHost.TrimEnd('.')}:{(controller.Port < 0 ? IpmiAddress.UsualPort : controller.Port)}".ToLowerInvariant()
        : NameOf(controller, controller.AbsolutePath);

    /// <summary>The system that the settings name; null while only its controller could tell.</summary>
    public static string? NameIn(PowerSettings power) => power.Address is { } address && NameOf(new Uri(address)) is var system && IsResolved(system) ? system : null;

    /// <summary>Whether the name says which system, and not only which controller.</summary>
    public static bool IsResolved(string name) => !name.EndsWith('/');

    /// <summary>The name of another node that is this system.</summary>
    public static string? Holder(IDbConnection sql, string system, string? exceptNode = null) =>
        sql.Query<ClaimRow>(
            """
            SELECT id, name, power_address, power_system FROM nodes
            WHERE power_address IS NOT NULL AND id <> @except AND (power_system = @system OR power_system IS NULL)
            """,
            new { system, except = exceptNode ?? "" })
        // Where nothing has been asked of a node yet, its address is all that is known.
        .FirstOrDefault(other => other.PowerSystem == system || NameOf(new Uri(other.PowerAddress)) == system)?.Name;

    /// <summary>Writes down the system that a controller named as a node's, before anything is switched there; refuses one that is another's.</summary>
    public static void Take(IDatabase database, string node, string system)
    {
        if (database.Write(tx => Take(tx, node, system)) is { } other)
        {
            throw new PowerException(
                $"The power address leads to {system}, which is node {other}.",
                "Nothing was switched. Remove the node whose address is wrong ('conductor node remove'), and enrol it with the whole path of its own system: https://BMC/redfish/v1/Systems/ID.",
                again: false);
        }
    }

    private static string? Take(WriteTransaction tx, string node, string system)
    {
        var other = Holder(tx.Sql, system, node);
        if (other is null)
            tx.Sql.Execute("UPDATE nodes SET power_system = @system WHERE id = @node", new { node, system });
        return other;
    }
}

file sealed record ClaimRow
{
    public required string Id { get; init; }

    public required string Name { get; init; }

    public required string PowerAddress { get; init; }

    public string? PowerSystem { get; init; }
}
