using System.ComponentModel;
using System.Data;
using Baremetal.Api;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Images;
using Baremetal.Conductor.Nodes;
using Baremetal.Conductor.Runners;
using Baremetal.Conductor.Secrets;
using Baremetal.Conductor.Settings;
using Baremetal.Netboot;
using Dapper;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Baremetal.Conductor.Jobs;

/// <summary>Start work on a node, follow it, abort it.</summary>
internal static class JobEndpoints
{
    private const int LongestVariable = 64;
    private const int ShortestRescue = 60;
    private const int LongestRescue = 7 * 86400;

    public static Accepted<Job> Inspect(string node, IDatabase database, SecretBox secrets, ConductorSettings settings, HttpRequest request)
    {
        // Only a new boot sees what a machine has. One that is known to fail need not be waited for until its limit.
        if (settings.MissingBootFiles().FirstOrDefault() is { } missing)
        {
            throw Problems.Refused($"No agent can be booted on node {node}: {missing} does not exist.",
                $"Build the ramdisk with ramdisk/build.sh, or set ramdiskDirectory.{(settings.Dhcp.Mode == DhcpMode.Off ? " DHCP is off too (dhcp.mode): no machine is netbooted unless another server leads it here." : "")}");
        }
        return Start(database, node, JobKind.Inspect, Move.Inspect, Idempotency.Of(request, secrets, "inspect", "", ParameterJson.Default.String), (_, job) => job);
    }

    public static Results<Accepted<Job>, Ok<Job>> Deploy(string node, DeployNode ask, IDatabase database, DeployChecks checks, RunnerRole runners, SecretBox secrets, HttpRequest request)
    {
        Validate(ask);
        var call = Idempotency.Of(request, secrets, "deploy", ask, ApiJson.Default.DeployNode);
        // A repeated call must not be refused for what has changed since the first one.
        if (database.Read(sql => JobTable.ByIdempotencyKey(sql, call.Key)) is null)
            return Deploy(node, ask, database, checks, runners, secrets, call);
        return Start(database, node, JobKind.Deploy, Move.Deploy, call, (_, job) => job);
    }

    public static Accepted<Job> Clean(string node, CleanNode ask, IDatabase database, DeployChecks checks, SecretBox secrets, HttpRequest request) =>
        Erase(node, ask, Move.Clean, "clean", database, checks, secrets, request);

    /// <summary>An active node's service is over: it is erased, and available for another.</summary>
    public static Accepted<Job> Release(string node, CleanNode ask, IDatabase database, DeployChecks checks, SecretBox secrets, HttpRequest request) =>
        Erase(node, ask, Move.Release, "release", database, checks, secrets, request);

    public static Accepted<Job> Rescue(string node, RescueNode ask, IDatabase database, DeployChecks checks, SecretBox secrets, ConductorSettings settings, HttpRequest request)
    {
        if (ask.SshKeys.Length == 0)
            throw Problems.Invalid("The rescue names no SSH key.", "Give one with --ssh-key: nobody is let in by a password.");
        RequireKeys(ask.SshKeys);
        if (ask.Seconds is < ShortestRescue or > LongestRescue)
            throw Problems.Invalid($"The rescue would last {ask.Seconds} s.", $"Give {ShortestRescue} s to {LongestRescue / 86400} days; it ends by a restart from the disk.");
        if (settings.MissingBootFiles().Append(settings.RescueFile).FirstOrDefault(file => !File.Exists(file)) is { } missing)
            throw Problems.Refused($"Node {node} cannot be rescued: {missing} does not exist.", "Build it with ramdisk/build.sh and ramdisk/rescue.sh, or set ramdiskDirectory.");
        if (!checks.TryTrust(out _, out var rejection))
            throw Problems.Refused(rejection.Cause, rejection.Remedy);
        return Start(database, node, JobKind.Rescue, Move.Rescue, Idempotency.Of(request, secrets, "rescue", ask, ApiJson.Default.RescueNode), (_, job) => job with { Rescue = ask });
    }

    /// <summary>Saying it twice is no contradiction.</summary>
    public static Accepted<Job> Unrescue(string node, IDatabase database)
    {
        var job = database.Write(tx =>
        {
            var found = NodeTable.Get(tx.Sql, node);
            if (found.JobKind != JobKind.Rescue)
                throw Problems.Conflict("state-forbids", $"Node {found.Name} is {found.State.ToString().ToLowerInvariant()}; there is no rescue to end.", $"'conductor node rescue {found.Name} --ssh-key FILE' begins one.");
            // Where no agent has taken the order there is nobody to end it, and may never be: the job is.
            tx.Sql.Execute(
                "UPDATE jobs SET end_requested = 1, abort_requested = (CASE WHEN order_attempt = 0 THEN 1 ELSE abort_requested END), due = @now WHERE id = @CurrentJob",
                new { found.CurrentJob, now = tx.Now });
            return JobTable.View(tx.Sql, JobTable.Get(tx.Sql, found.CurrentJob!));
        });
        return TypedResults.Accepted(Routes.For(Routes.Job, job.Id), job);
    }

    public static Page<Job> List(
        IDatabase database,
        [Description("Only those of this node.")] string? node = null,
        [Description("Only those that are so: running, done, failed or aborted.")] JobStateWord? state = null,
        int? limit = null,
        string? after = null)
    {
        var size = Paging.Limit(limit);
        return database.Read(sql =>
        {
            var rows = JobTable.Page(sql, after, node is null ? null : NodeTable.Get(sql, node).Id, state?.State, size + 1);
            return new Page<Job>([.. rows.Take(size).Select(row => JobTable.View(sql, row))], rows.Count > size ? rows[size - 1].Id : null);
        });
    }

    public static Job Show(string job, IDatabase database) => database.Read(sql => JobTable.View(sql, JobTable.Find(sql, job)));

    public static JobLog Log(string job, IDatabase database) => database.Read(sql =>
    {
        var found = JobTable.Find(sql, job);
        return JobLogs.Of(sql, found.Id) is { Length: > 0 } boots ? new JobLog(found.Id, boots)
            : throw Problems.NotFound("log of job", found.Id, "Agents send one when a step fails, and when one of them crashed; 'conductor job show' has the cause.");
    });

    public static Accepted<Job> Abort(string job, IDatabase database) => Abort(database, sql => JobTable.Find(sql, job));

    public static Accepted<Job> AbortOfNode(string node, IDatabase database) => Abort(database, sql =>
    {
        var found = NodeTable.Get(sql, node);
        return JobTable.Unfinished(sql, found.Id)
            ?? throw Problems.Conflict("state-forbids", $"Node {found.Name} is {found.State.ToString().ToLowerInvariant()}; no job works on it.", "'conductor job list' shows what has been done.");
    });

    private static Accepted<Job> Abort(IDatabase database, Func<IDbConnection, JobRow> find)
    {
        var asked = database.Write(tx =>
        {
            var row = find(tx.Sql);
            if (row.Finished is not null)
                throw Problems.Conflict("state-forbids", $"Job {row.Id} has ended already ({row.Outcome?.ToString().ToLowerInvariant()}).");
            tx.Sql.Execute("UPDATE jobs SET abort_requested = 1, due = @now WHERE id = @Id", new { row.Id, now = tx.Now });
            return JobTable.View(tx.Sql, JobTable.Get(tx.Sql, row.Id));
        });
        return TypedResults.Accepted(Routes.For(Routes.Job, asked.Id), asked);
    }

    private static Results<Accepted<Job>, Ok<Job>> Deploy(string node, DeployNode ask, IDatabase database, DeployChecks checks, RunnerRole runners, SecretBox secrets, Idempotency call)
    {
        var isTemplate = ask.Template is not null;
        var (image, found) = database.Read(sql => (ImageTable.Get(sql, ask.Image), NodeTable.Get(sql, node)));
        if (ask.Template is { } vars)
            ask = ask with { Template = null, UserData = UserDataTemplate.TryRender(ask.UserData!, found, ask.Hostname, vars, out var rendered, out var fault) ? rendered : throw Problems.Refused(fault.Cause, fault.Remedy) };
        RequireFit(ask.UserData);
        if (!checks.TryPlan(image.ManifestSha256, ask, ConfigDrives.IsWanted(ask, ask.UserData is not null), found, out var plan, out var rejection))
            throw Problems.Refused(rejection.Cause, rejection.Remedy);
        if (ask.Role == NodeRole.Runner)
            runners.Require(found);

        JobRow Filled(JobRow job) => job with
        {
            Spec = ask with { UserData = null, DryRun = false },
            UserData = ask.UserData is { } userData ? secrets.Seal(userData, JobRow.UserDataPlace(job.Id)) : null,
            Image = $"{image.Name}:{image.Version}",
            ManifestSha256 = image.ManifestSha256,
            DiskBytes = plan.Manifest.Predicate.Disk.Size,
            SourceBytes = plan.Manifest.Predicate.Source.Size,
            Target = plan.Target,
            StaleConfigDrives = plan.StaleConfigDrives,
        };

        if (!ask.DryRun)
            return Start(database, node, JobKind.Deploy, Move.Deploy, call, (_, job) => Filled(job));
        Guards.Require(found, Move.Deploy);
        if (Moves.Next(found.State, Move.Deploy) is null)
            throw NodeTable.Forbidden(found, Move.Deploy);
        var job = Filled(new JobRow { Id = "", Node = found.Id, Kind = JobKind.Deploy, Step = Steps.Begin }).ToApi(found.Name, []);
        return TypedResults.Ok(job with { DryRun = true, Deployment = job.Deployment! with { Layout = plan.Layout, UserData = isTemplate ? ask.UserData : null } });
    }

    private static Accepted<Job> Erase(string node, CleanNode ask, Move move, string action, IDatabase database, DeployChecks checks, SecretBox secrets, HttpRequest request)
    {
        if (ask.Fallback is { } fallback && fallback.Prepend(ask.Depth).Distinct().Count() != fallback.Length + 1)
            throw Problems.Invalid("The cleaning names a depth twice.", "Give each once, in the order in which they are tried.");
        var call = Idempotency.Of(request, secrets, action, ask, ApiJson.Default.CleanNode);
        return Start(database, node, JobKind.Clean, move, call, (found, job) =>
        {
            // What an operator means is told at once where it is known; the agent's fresh inventory decides.
            if (found.Inventory is { } inventory && !checks.TryPlanCleaning(ask, inventory, out _, out var rejection))
                throw Problems.Refused(rejection.Cause, rejection.Remedy);
            return job with { Clean = ask };
        });
    }

    private static Accepted<Job> Start(IDatabase database, string node, JobKind kind, Move move, Idempotency call, Func<NodeRow, JobRow, JobRow> fill)
    {
        var job = database.Write(tx =>
        {
            var found = NodeTable.Get(tx.Sql, node);
            if (JobTable.ByIdempotencyKey(tx.Sql, call.Key) is { } done)
            {
                call.Require(done.Node == found.Id && done.Kind == kind, done.RequestSha256);
                return JobTable.View(tx.Sql, done);
            }
            Guards.Require(found, move);
            var made = fill(found, new JobRow
            {
                Id = Guid.CreateVersion7(tx.Now).ToString(),
                Node = found.Id,
                Kind = kind,
                Origin = found.State,
                Created = tx.Now,
                IdempotencyKey = call.Key,
                RequestSha256 = call.Request,
                Redeploy = kind == JobKind.Deploy && HasBeenWritten(tx, found.Id),
                Step = Steps.Begin,
            });
            NodeTable.Move(tx, found, move, made.Id);
            if (move is Move.Deploy or Move.Clean or Move.Release)
                RunnerRole.End(tx, found);
            JobTable.Insert(tx, made);
            return JobTable.View(tx.Sql, JobTable.Get(tx.Sql, made.Id));
        });
        return TypedResults.Accepted(Routes.For(Routes.Job, job.Id), job);
    }

    private static bool HasBeenWritten(WriteTransaction tx, string node) =>
        tx.Sql.QuerySingle<long>("SELECT count(*) FROM jobs WHERE node = @node AND order_attempt > 0", new { node }) > 0;

    private static void Validate(DeployNode ask)
    {
        if (string.IsNullOrEmpty(ask.Image))
            throw Problems.Invalid("The deploy names no image.", "Give NAME or NAME:VERSION.");
        if (ask.Hostname is { } host && Uri.CheckHostName(host) != UriHostNameType.Dns)
            throw Problems.Invalid($"'{host}' cannot be a host's name.");
        RequireKeys(ask.SshKeys ?? []);
        if (ask.NetworkData is { } network && NetworkData.FirstFault(network) is { } fault)
            throw Problems.Invalid(fault.Cause, fault.Remedy);
        if (ask.SwapBytes is { } swap && (swap <= 0 || swap % (1 << 20) != 0))
            throw Problems.Invalid($"{swap} bytes of swap are no whole number of MiB.", "Round them up, or leave swap out.");
        if (Array.Exists(ask.RemoveConfigDrives ?? [], disk => disk is not { Any: true }))
            throw Problems.Invalid("A disk whose config drive is to be removed has no hint.", "Name each by its serial, WWN, path or size.");
        if (ask is { Template: not null, UserData: null })
            throw Problems.Invalid("There is no user data to fill.", "Give the template as the user data.");
        if (ask.Template?.Keys.FirstOrDefault(name => name.Length is 0 or > LongestVariable || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-')) is { } unfit)
            throw Problems.Invalid($"'{unfit}' cannot be a variable's name.", $"It has letters, digits, _ and -, {LongestVariable} at most.");
        if (ask.Template?.Any(variable => variable.Value is null) == true)
            throw Problems.Invalid("A variable has no value.");
        RequireFit(ask.UserData);
    }

    private static void RequireFit(string? userData)
    {
        if (userData is not null && System.Text.Encoding.UTF8.GetByteCount(userData) > ConfigDrives.MostUserDataBytes)
            throw Problems.Invalid($"The user data has more than {ConfigDrives.MostUserDataBytes} bytes.", "Let it fetch the rest from elsewhere.");
    }

    public static void RequireKeys(string[] keys)
    {
        if (keys.Length > SshPublicKey.Most || keys.Any(key => key is not { Length: > 0 and <= SshPublicKey.Longest } || key.AsSpan().ContainsAny('\r', '\n')))
            throw Problems.Invalid($"An SSH key is empty, longer than {SshPublicKey.Longest} characters or has several lines, or there are more than {SshPublicKey.Most}.", "Give each as its one line of a .pub file.");
        foreach (var (at, key) in keys.Index())
        {
            if (!SshPublicKey.TryCheck(key, out var cause))
                throw Problems.Invalid($"SSH key {at + 1} ('{(key.Length > 40 ? key[..40] + "…" : key)}') lets nobody in: {cause}.", "Give each as its one line of a .pub file.");
        }
    }
}
