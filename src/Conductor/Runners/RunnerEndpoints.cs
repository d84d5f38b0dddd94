using System.ComponentModel;
using System.Security.Claims;
using Baremetal.Api;
using Baremetal.Conductor.Certificates;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Runners.Streams;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Baremetal.Conductor.Runners;

/// <summary>What operators ask of runners: a token for a new one, list, show, remove.</summary>
internal static partial class RunnerEndpoints
{
    private const int ShortestToken = 60;

    // Of names in a refusal; a runner can have two hundred VMs.
    private const int MostNamed = 5;

    public static Created<RunnerToken> Token(NewRunnerToken ask, ClaimsPrincipal user, IDatabase database, CertificateAuthority authority, ILogger<RunnerTokenRow> logger)
    {
        if (ask.Name is not null)
            RequireName(ask.Name);
        if (ask is { Rejoin: true, Name: null })
            throw Problems.Invalid("The token is for a runner that joins again, and names none.", "Name it; 'conductor runner list' shows all.");
        if (ask.Seconds is < ShortestToken or > NewRunnerToken.MostSeconds)
            throw Problems.Invalid($"The token would be good for {ask.Seconds} s.", $"Give {ShortestToken} s to {NewRunnerToken.MostSeconds / 86400} days.");
        var made = database.Write(tx =>
        {
            var known = ask.Rejoin ? RunnerTable.Get(tx.Sql, ask.Name!) : null;
            if (!ask.Rejoin && ask.Name is not null && RunnerTable.ByName(tx.Sql, ask.Name) is { } other)
                throw JoinEndpoints.TakenName(other);
            var expires = tx.Now + TimeSpan.FromSeconds(ask.Seconds);
            var token = RunnerTokens.Issue(tx, known?.Name ?? ask.Name, node: null, known?.Id, expires);
            return new RunnerToken(token, known?.Name ?? ask.Name, expires, $"sha256:{authority.Digest}");
        });
        LogToken(logger, user.Identity?.Name ?? "unknown", made.Name is null ? "any runner" : $"runner {made.Name}");
        return TypedResults.Created((string?)null, made);
    }

    public static Page<Runner> List(IDatabase database, RunnerPresence presence, int? limit = null, string? after = null)
    {
        var size = Paging.Limit(limit);
        var rows = database.Read(sql => RunnerTable.Page(sql, after, size + 1));
        return new Page<Runner>([.. rows.Take(size).Select(row => row.ToApi(presence))], rows.Count > size ? rows[size - 1].Name : null);
    }

    public static Runner Show(string runner, IDatabase database, RunnerPresence presence) => database.Read(sql => RunnerTable.Get(sql, runner)).ToApi(presence);

    public static NoContent Remove(string runner, IDatabase database, OpenStreams streams, [Description("Forgets its VMs with it: those that run there run on.")] bool force = false)
    {
        var removed = database.Write(tx =>
        {
            var row = RunnerTable.Get(tx.Sql, runner);
            if (row.Vms > 0 && !force)
                throw HasVms(row, VmTable.Page(tx.Sql, row.Id, after: null, MostNamed));
            RunnerTable.Remove(tx, row);
            return row;
        });
        streams.End(removed.Id);
        return TypedResults.NoContent();
    }

    private static ProblemException HasVms(RunnerRow runner, List<VmRow> some)
    {
        var names = string.Join(", ", some.Select(vm => vm.Name)) + (runner.Vms > some.Count ? ", …" : "");
        return Problems.Conflict("has-vms", $"Runner {runner.Name} has {runner.Vms} VM{(runner.Vms == 1 ? "" : "s")}: {names}.",
            $"Delete them first ('conductor vm delete {runner.Name}/{some[0].Name}'). With --force they are forgotten: those that run there run on, and nobody here knows of them any more.");
    }

    private static void RequireName(string name)
    {
        if (!RunnerTable.IsName(name))
            throw Problems.Invalid($"'{name}' cannot be a runner's name.", "Use letters, digits and dashes, at most 63, beginning with a letter or digit; 'join' is none.");
    }

    [LoggerMessage(3103, LogLevel.Information, "Operator {Who} made a token for {Whom} to join by")]
    private static partial void LogToken(ILogger logger, string who, string whom);
}
