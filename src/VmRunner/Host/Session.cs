using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using Baremetal.Api;
using Baremetal.Api.Client;

namespace Baremetal.VmRunner.Host;

/// <summary>
/// A runner's talk with its conductor: orders come, reports go, the certificate is renewed. While the conductor is away or does not know the runner any more,
/// its VMs go on as they were ordered last.
/// </summary>
internal sealed class Session(RunnerIdentityFile file, Reconciler reconciler, Standing standing, StreamDoor streams, HostLog log, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan _signOfLife = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan _askLater = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _askMuchLater = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan _renewalEvery = TimeSpan.FromMinutes(1);

    private const string Conductor = "conductor";

    private readonly Lock _gate = new();
    private SavedRunner _saved = file.Load();
    private Line? _line;

    public void Dispose() => _line?.Dispose();

    public Task RunAsync(CancellationToken cancel) => Task.WhenAll(
        AgainAsync(HearOrdersAsync, () => log.SayOnce(Conductor, $"Connected to {_saved.Server.Authority} as runner {_saved.Name}."), cancel),
        AgainAsync(ReportAsync, () => { }, cancel),
        AgainAsync(RenewAsync, () => { }, cancel));

    // One client with the certificate of now. Who holds on to an older one ends its call with it.
    private Line Current()
    {
        lock (_gate)
        {
            return _line ??= Line.Of(_saved, file, time);
        }
    }

    private async Task HearOrdersAsync(CancellationToken cancel)
    {
        if (await Current().Client.AskOrdersAsync(reconciler.Revision, cancel) is not { } orders)
            return;
        reconciler.Take(orders);
        foreach (var order in orders.Streams)
            streams.Open(order, Current().Client, cancel);
    }

    private async Task ReportAsync(CancellationToken cancel)
    {
        var (capacity, preflight) = standing.Now;
        // A first report without orders would say that there are no VMs: what it has it knows from its records.
        await Current().Client.ReportAsync(new RunnerReport(Joining.Version, reconciler.Revision, capacity, preflight, reconciler.Reports()), cancel);
        await reconciler.ChangedAsync(_signOfLife, cancel);
    }

    private async Task RenewAsync(CancellationToken cancel)
    {
        var own = Current().Certificate;
        var (begun, ends) = (new DateTimeOffset(own.NotBefore), new DateTimeOffset(own.NotAfter));
        if (time.GetUtcNow() - begun < (ends - begun) / 3)
        {
            await Task.Delay(_renewalEvery, time, cancel);
            return;
        }
        using var key = file.Key();
        var renewed = await Current().Client.RenewAsync(new RunnerRenew(RunnerIdentityFile.RequestOf(key)), cancel);
        var saved = _saved with { Certificate = renewed.Certificate };
        var fresh = Line.Of(saved, file, time);
        file.Save(saved);
        lock (_gate)
            (_saved, _line) = (saved, fresh);
        log.Say(string.Create(CultureInfo.InvariantCulture, $"The certificate is renewed, until {renewed.CertificateEnds:u}."));
    }

    private async Task AgainAsync(Func<CancellationToken, Task> once, Action succeeded, CancellationToken cancel)
    {
        var attempt = 0;
        while (true)
        {
            try
            {
                await once(cancel);
                attempt = 0;
                succeeded();
            }
            catch (ProblemException e)
            {
                Say(e.Problem);
                // A join that has happened since is taken up.
                Reload();
                var isRefused = e.Problem.Status is 401 or 403 || e.Problem.Type == Problems.Untrusted;
                await Task.Delay(new Retry(int.MaxValue, _askLater, _askMuchLater).After(isRefused ? 10 : ++attempt), time, cancel);
            }
        }
    }

    private void Say(Problem problem)
    {
        var ends = new DateTimeOffset(Current().Certificate.NotAfter);
        if (time.GetUtcNow() > ends)
            log.SayOnce(Conductor, string.Create(CultureInfo.InvariantCulture, $"This runner's certificate ended at {ends:u}, before the conductor could be reached to renew it. Its VMs stay as they are. 'conductor runner token' makes a token; 'vm-runner join' here joins again."));
        else if (problem.Status is 401 or 403)
            log.SayOnce(Conductor, $"{_saved.Server.Authority} does not know this runner any more: {problem.Title} Its VMs stay as they are. 'conductor runner token' makes a token; 'vm-runner join' here joins again.");
        else
            log.SayOnce(Conductor, $"{problem.Title} {problem.Remedy} Until then the VMs are kept as they were ordered last.");
    }

    private void Reload()
    {
        try
        {
            var saved = file.Load();
            if (saved == _saved)
                return;
            var fresh = Line.Of(saved, file, time);
            lock (_gate)
                (_saved, _line) = (saved, fresh);
            log.Say($"This runner has joined {saved.Server.Authority} as {saved.Name} ({saved.Id}).");
        }
        catch (HostFailure e)
        {
            log.SayOnce("identity", e.Message);
        }
    }

    private sealed record Line(RunnerClient Client, X509Certificate2 Certificate) : IDisposable
    {
        public static Line Of(SavedRunner saved, RunnerIdentityFile file, TimeProvider time)
        {
            var certificate = file.Certificate(saved);
            return new Line(new RunnerClient(saved.Server, X509Certificate2.CreateFromPem(saved.Ca), certificate, time), certificate);
        }

        public void Dispose()
        {
            Client.Dispose();
            Certificate.Dispose();
        }
    }
}
