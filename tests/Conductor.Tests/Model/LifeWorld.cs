using Baremetal.Api;
using Baremetal.Api.Client;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Nodes;
using Baremetal.Conductor.Tests.World;
using Baremetal.Support;
using Dapper;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Baremetal.Conductor.Tests.Model;

/// <summary>One node, its machine, its controller and its conductor, which dies now and then. Calls may be refused, but never by a fault of ours.</summary>
internal sealed class LifeWorld : IAsyncDisposable
{
    private const int MostRounds = 40;
    private const string Key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID6/eGsSEgXGxmZa8/YeiDGQcDAUea9iqfOoqfs2AZfp";
    private static readonly CancellationToken None = CancellationToken.None;

    private readonly TestConductor _conductor;
    private readonly TestBmc _bmc;
    private readonly LifeMachine _machine;
    private DyingDatabase _database;
    private int _deaths;

    private LifeWorld(TestConductor conductor, TestBmc bmc, DyingDatabase database)
    {
        (_conductor, _bmc, _database, _machine) = (conductor, bmc, database, new LifeMachine(conductor));
        bmc.Started = _machine.Start;
        bmc.Stopped = () =>
        {
            _machine.LosePower();
            return Task.CompletedTask;
        };
    }

    private bool IsDead => _database.IsDead;

    private ConductorClient Operator => _conductor.Operator;

    public static async Task<LifeWorld> StartAsync()
    {
        DyingDatabase? database = null;
        // Operators call by the real clock: what this one jumps ahead must not make certificates that are not valid yet.
        var clock = new JumpingClock(TimeProvider.System.GetUtcNow() - TimeSpan.FromDays(20));
        var conductor = await TestConductor.StartAsync(database: real => database = Mortal(real, 0), clock: clock);
        conductor.Image.TrustConductor(conductor);
        await conductor.Image.AddAsync(conductor);
        await File.WriteAllTextAsync(conductor.Settings.RescueFile, "the file rescue.img", None);
        var bmc = await TestBmc.StartAsync();
        await conductor.Operator.EnrolNodeAsync(new EnrolNode("n1", TestSite.Mac, bmc.Power), None);
        return new LifeWorld(conductor, bmc, database!);
    }

    public async Task LetAsync(Happening happening)
    {
        if (IsDead)
            await RestartAsync();
        try
        {
            await TwiceAsync(happening);
        }
        catch (ProblemException e) when (e.Problem.Status is >= 400 and < 500 || IsDead)
        {
            // Refused, with a reason; or nobody is there to answer.
        }
        catch (Exception e) when (IsDead && e is HttpRequestException or IOException or ObjectDisposedException or OperationCanceledException)
        {
            // The same, seen from further away.
        }
        await SettleAsync();
    }

    /// <summary>At any moment: a working state and an unfinished job of its kind go together.</summary>
    public Task CheckAsync()
    {
        if (!IsDead)
        {
            var (state, kind) = _database.Read(sql => (
                Enum.Parse<NodeState>(sql.QuerySingle<string>("SELECT state FROM nodes")),
                sql.QuerySingleOrDefault<string>("SELECT kind FROM jobs WHERE finished IS NULL")));
            NodeState? working = kind is null ? null : Enum.Parse<JobKind>(kind) switch
            {
                JobKind.Inspect => NodeState.Inspecting,
                JobKind.Deploy => NodeState.Deploying,
                JobKind.Clean => NodeState.Cleaning,
                JobKind.Rescue => NodeState.Rescuing,
                var other => throw new InvalidOperationException($"unknown kind {other}"),
            };
            if (working is not null || !Moves.MayRemove(state))
                Assert.Equal(working, state);
        }
        return Task.CompletedTask;
    }

    /// <summary>Nobody does anything any more, but time passes.</summary>
    public async Task EndAsync()
    {
        if (IsDead)
            await RestartAsync();
        _database.Counting = false;
        for (var round = 0; HasWork(); round++)
        {
            Assert.True(round < MostRounds, $"A job has not ended {MostRounds} hours after the last sign of anybody: {_database.Read(sql => sql.QuerySingle<string>("SELECT step || ', ' || waiting_for FROM jobs WHERE finished IS NULL"))}");
            _conductor.Clock.Jump(TimeSpan.FromHours(1));
            await _conductor.PassAsync(TimeSpan.FromSeconds(80));
            await SettleAsync();
        }
    }

    /// <summary>All that was written down on the way.</summary>
    public Task CheckTrailAsync()
    {
        var states = _database.Read(sql => sql.Query<string>("SELECT text FROM events WHERE kind = 'node.state' ORDER BY seq").AsList())
            .Select(text => text.Split(':')[0])
            .Where(word => Enum.TryParse<NodeState>(word, ignoreCase: true, out _))
            .Select(word => Enum.Parse<NodeState>(word, ignoreCase: true))
            .ToList();
        foreach (var (from, to) in states.Zip(states.Skip(1)))
            Assert.True(Enum.GetValues<Move>().Any(move => Moves.Next(from, move) == to), $"No move leads from {from} to {to}: {string.Join(", ", states)}");

        Assert.Equal(0, Count("SELECT count(*) FROM jobs WHERE outcome IS NULL OR finished IS NULL OR user_data IS NOT NULL OR owner IS NOT NULL"));
        Assert.Equal(0, Count("SELECT count(*) FROM jobs WHERE cause IS NULL AND outcome <> 'Done'"));
        Assert.Equal(0, Count("SELECT count(*) FROM job_steps WHERE ended IS NULL"));
        return Task.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _conductor.DisposeAsync();
        await _bmc.DisposeAsync();
        _machine.Dispose();
    }

    private async Task TwiceAsync(Happening happening)
    {
        try
        {
            await HappenAsync(happening);
        }
        catch (Exception e) when (!IsDead && e is HttpRequestException or OperationCanceledException)
        {
            // A connection to the process before this one is found closed once; and a busy machine may take long to answer.
            try
            {
                await HappenAsync(happening);
            }
            catch (HttpRequestException) when (!IsDead)
            {
                // The clock has outrun the agent's certificate: it cannot prove itself any more, until its machine is booted again.
                _machine.LosePower();
            }
        }
    }

    private Task HappenAsync(Happening happening) => happening switch
    {
        Happening.Inspect => Operator.InspectAsync("n1", None),
        Happening.Approve => Operator.ApproveAsync("n1", None),
        Happening.Adopt => Operator.AdoptAsync("n1", None),
        Happening.Deploy => Operator.DeployAsync("n1", new DeployNode("debian", Hostname: "web", UserData: "#!/bin/sh\n"), None),
        Happening.Clean => Operator.CleanAsync("n1", new CleanNode(), None),
        Happening.Release => Operator.ReleaseAsync("n1", new CleanNode(), None),
        Happening.Rescue => Operator.RescueAsync("n1", new RescueNode([Key]), None),
        Happening.EndRescue => Operator.UnrescueAsync("n1", None),
        Happening.Protect => Operator.ProtectAsync("n1", None),
        Happening.Unprotect => Operator.UnprotectAsync("n1", None),
        Happening.BeginMaintenance => Operator.BeginMaintenanceAsync("n1", "to see", None),
        Happening.EndMaintenance => Operator.EndMaintenanceAsync("n1", None),
        Happening.Abort => AbortAsync(),
        Happening.Boot => _machine.BootAsync(),
        Happening.Obey => _machine.ObeyAsync(),
        Happening.FailStep => _machine.FailAsync(),
        Happening.SystemAsks => Do(_machine.SystemAsks),
        Happening.AgentRestarts => Do(_machine.RestartAgent),
        Happening.PowerIsLost => Do(() =>
        {
            _bmc.LosePower();
            _machine.LosePower();
        }),
        Happening.FormerAgentSpeaks => _machine.SpeakAsFormerAsync(),
        Happening.ControllerGoes => Do(() => _bmc.Fault = Gone),
        Happening.ControllerComes => Do(() => _bmc.Fault = null),
        Happening.ConductorIsRestarted => RestartAsync(),
        Happening.ConductorDies => Do(() => _database.Counting = true),
        Happening.MinutesPass => _conductor.PassAsync(TimeSpan.FromMinutes(2)),
        Happening.HoursPass => Do(() => _conductor.Clock.Jump(TimeSpan.FromHours(1))),
        Happening.ClockIsSetBack => Do(() => _conductor.Clock.Step(TimeSpan.FromHours(-2))),
        Happening.ClockIsSetForward => Do(() => _conductor.Clock.Step(TimeSpan.FromHours(2))),
        _ => throw new ArgumentOutOfRangeException(nameof(happening), happening, null),
    };

    private async Task AbortAsync()
    {
        if ((await Operator.GetNodeAsync("n1", None)).CurrentJob is { } job)
            await Operator.AbortJobAsync(job, None);
    }

    private async Task RestartAsync()
    {
        if (IsDead)
            await Until.TrueAsync(() => Task.FromResult(_database.Died.Task.IsCompleted), "the last commit");
        await _conductor.RestartAsync(real => _database = Mortal(real, ++_deaths));
        // What the process before had claimed is free when its lease ends.
        _conductor.Clock.Jump(TimeSpan.FromSeconds(16));
    }

    private Task SettleAsync() => Until.TrueAsync(() => Task.FromResult(IsDead || !IsAtWork()), "the worker to have nothing to do");

    private bool IsAtWork()
    {
        try
        {
            var now = _conductor.Services.GetRequiredService<TimeProvider>().GetUtcNow();
            return _database.Read(sql => sql.ExecuteScalar<long>("SELECT count(*) FROM jobs WHERE finished IS NULL AND (owner IS NOT NULL OR due <= @now)", new { now })) > 0;
        }
        catch (IOException) when (IsDead)
        {
            return false;
        }
    }

    private bool HasWork() => Count("SELECT count(*) FROM jobs WHERE finished IS NULL") > 0;

    private long Count(string query) => _database.Read(sql => sql.ExecuteScalar<long>(query));

    /// <summary>It dies a few commits after it was told to, now before one and now after it.</summary>
    private static DyingDatabase Mortal(IDatabase real, int number) => new(real, diesAt: 1 + number * 3 % 7, afterTheCommit: number % 2 == 1);

    private static Task<bool> Gone(HttpContext http)
    {
        http.Abort();
        return Task.FromResult(true);
    }

    private static Task Do(Action action)
    {
        action();
        return Task.CompletedTask;
    }
}
