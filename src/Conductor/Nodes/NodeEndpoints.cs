using System.ComponentModel;
using System.Data;
using System.Diagnostics.CodeAnalysis;
using Baremetal.Api;
using Baremetal.Conductor.Boot;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Power;
using Baremetal.Conductor.Secrets;
using Baremetal.Netboot;
using Baremetal.Netboot.Boot;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Baremetal.Conductor.Nodes;

/// <summary>Enrol, list, show, edit and remove nodes.</summary>
internal static class NodeEndpoints
{
    public static Results<Created<Node>, Ok<Node>> Enrol(EnrolNode ask, IDatabase database, SecretBox secrets, HttpRequest request, HttpResponse response)
    {
        RequireName(ask.Name);
        var mac = RequireMac(ask.Mac);
        ask = ask with { Network = RamdiskNetwork.Require(ask.Network), KernelArguments = RequireArguments(ask.KernelArguments) };
        PowerDrivers.Check(ask.Power ?? throw Problems.Invalid("The node has no power settings.", $"Name a driver: {PowerDrivers.Names}."));
        if (ask.DryRun)
        {
            var node = database.Read(sql =>
            {
                var checkedNode = NodeOf(ask, mac, PendingOf(sql, mac)?.Id ?? "", request: null, secrets, DateTimeOffset.MinValue);
                NodeTable.RequireUnique(sql, checkedNode);
                return checkedNode;
            });
            return TypedResults.Ok(node.ToApi());
        }

        var call = Idempotency.Of(request, secrets, "enrol", ask, ApiJson.Default.EnrolNode);
        var row = database.Write(tx =>
        {
            if (NodeTable.ByIdempotencyKey(tx.Sql, call.Key) is { } done)
            {
                call.Require(done.Name == ask.Name, done.RequestSha256);
                return done;
            }
            if (PendingOf(tx.Sql, mac) is { } pending)
            {
                NodeTable.Enrol(tx, pending, NodeOf(ask, mac, pending.Id, call, secrets, tx.Now));
                return NodeTable.ById(tx.Sql, pending.Id);
            }
            var id = Guid.CreateVersion7(tx.Now).ToString();
            NodeTable.Insert(tx, NodeOf(ask, mac, id, call, secrets, tx.Now));
            return NodeTable.ById(tx.Sql, id);
        });
        response.Headers.ETag = Etag(row);
        return TypedResults.Created(Routes.For(Routes.Node, row.Id), row.ToApi());
    }

    public static Page<Node> List(IDatabase database, [Description("Only those in this state, such as pending.")] NodeStateWord? state = null, int? limit = null, string? after = null)
    {
        var size = Paging.Limit(limit);
        var rows = database.Read(sql => NodeTable.Page(sql, after, state?.State, size + 1));
        return new Page<Node>([.. rows.Take(size).Select(row => row.ToApi())], rows.Count > size ? rows[size - 1].Name : null);
    }

    public static Ok<Node> Show(string node, IDatabase database, HttpResponse response)
    {
        var row = database.Read(sql => NodeTable.Get(sql, node));
        response.Headers.ETag = Etag(row);
        return TypedResults.Ok(row.ToApi());
    }

    /// <summary>What a job works on is not changed under it; and who another machine's address is given has to be looked at anew.</summary>
    public static Ok<Node> Edit(string node, EditNode ask, IDatabase database, SecretBox secrets, HttpRequest request, HttpResponse response)
    {
        if (ask.Name is not null)
            RequireName(ask.Name);
        var mac = ask.Mac is null ? null : RequireMac(ask.Mac);
        if (ask.Power is not null)
            PowerDrivers.Check(ask.Power);
        var network = RamdiskNetwork.Require(ask.Network);
        var kernelArguments = RequireArguments(ask.KernelArguments);
        var row = database.Write(tx =>
        {
            var found = NodeTable.Get(tx.Sql, node);
            RequireMatch(request, found);
            Guards.RequireNoJob(found, "changed");
            var edited = found with
            {
                Name = ask.Name ?? found.Name,
                Mac = mac ?? found.Mac,
                BootPolicy = ask.BootPolicy ?? found.BootPolicy,
                Firmware = ask.Firmware ?? found.Firmware,
                Network = ask.Network is null ? found.Network : network,
                KernelArguments = ask.KernelArguments is null ? found.KernelArguments : kernelArguments,
            };
            if (ask.Power is { } power)
            {
                edited = edited with
                {
                    PowerDriver = power.Driver,
                    PowerAddress = power.Address,
                    PowerUsername = power.Username,
                    PowerPassword = power.Password is { } password ? secrets.Seal(password, NodeRow.PasswordPlace(found.Id)) : null,
                    PowerTlsPin = power.TlsPin,
                    PowerSystem = SystemClaims.NameIn(power),
                };
            }
            NodeTable.Update(tx, edited);
            if (edited.Mac != found.Mac && Moves.Next(found.State, Move.Replaced) is not null)
                NodeTable.Move(tx, edited, Move.Replaced);
            return NodeTable.ById(tx.Sql, found.Id);
        });
        response.Headers.ETag = Etag(row);
        return TypedResults.Ok(row.ToApi());
    }

    public static NoContent Remove(string node, IDatabase database, HttpRequest request)
    {
        database.Write(tx =>
        {
            var row = NodeTable.Get(tx.Sql, node);
            RequireMatch(request, row);
            Guards.Require(row, Move.Remove);
            NodeTable.Remove(tx, row);
        });
        return TypedResults.NoContent();
    }

    public static string Etag(NodeRow row) => $"\"{row.Revision}\"";

    private static void RequireMatch(HttpRequest request, NodeRow row)
    {
        if (request.Headers.IfMatch is { Count: > 0 } wanted && wanted != "*" && !wanted.Contains(Etag(row)))
        {
            throw new ProblemException(Problems.Of(StatusCodes.Status412PreconditionFailed, "changed",
                $"Node {row.Name} was changed in the meantime: it is at revision {row.Revision}.", "Read it again and decide anew."));
        }
    }

    private static NodeRow NodeOf(EnrolNode ask, string mac, string id, Idempotency? request, SecretBox secrets, DateTimeOffset now) => new()
    {
        Id = id,
        Name = ask.Name,
        Mac = mac,
        State = NodeState.Enrolled,
        Since = now,
        BootPolicy = ask.BootPolicy,
        Firmware = ask.Firmware,
        PowerDriver = ask.Power.Driver,
        PowerAddress = ask.Power.Address,
        PowerUsername = ask.Power.Username,
        PowerPassword = ask.Power.Password is { } password ? secrets.Seal(password, NodeRow.PasswordPlace(id)) : null,
        PowerTlsPin = ask.Power.TlsPin,
        PowerSystem = SystemClaims.NameIn(ask.Power),
        Network = ask.Network,
        KernelArguments = ask.KernelArguments,
        IdempotencyKey = request?.Key,
        RequestSha256 = request?.Request,
    };

    private static NodeRow? PendingOf(IDbConnection sql, string mac) => NodeTable.ByMac(sql, mac) is { State: NodeState.Pending } pending ? pending : null;

    private static void RequireName([NotNull] string? name)
    {
        if (!IsName(name))
            throw Problems.Invalid($"'{name}' cannot be a node's name.", "Use letters, digits and dashes, at most 63, beginning with a letter or digit; it becomes the host's name if nothing else is given.");
    }

    private static string RequireMac(string? text) => MacAddress.TryParse(text, out var mac) && mac.IsStation ? mac.ToString()
        : throw Problems.Invalid($"'{text}' is not a MAC address.", "Write it as 52:54:00:12:34:56.");

    private static string? RequireArguments(string? text)
    {
        var words = Words(text);
        return words.Length == 0 ? null : BootScript.RefuseArguments(words) is { } refusal ? throw Problems.Invalid($"{refusal}.", "Give words such as console=ttyS1,115200n8, with spaces between them.")
            : string.Join(' ', words);

        static string[] Words(string? text) => text?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [];
    }

    // A label of the DNS (RFC 1123 §2.1), and nothing that could be taken for a node's id or MAC.
    public static bool IsName([NotNullWhen(true)] string? name) =>
        name is { Length: > 0 and <= 63 } && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '-') && name[0] != '-' && name[^1] != '-'
        && !MacAddress.TryParse(name, out _) && !Guid.TryParse(name, out _);
}
