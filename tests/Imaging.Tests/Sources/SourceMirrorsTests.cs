using Baremetal.Imaging.Sources;
using Baremetal.Support;

namespace Baremetal.Imaging.Tests.Sources;

/// <summary>When a mirror is given up, however many threads read from it.</summary>
public sealed class SourceMirrorsTests : IDisposable
{
    private readonly ManualClock _clock = new();
    private readonly RangeServer _server;
    private readonly SourceMirrors _mirrors;
    private readonly MirrorConnection _one;
    private readonly MirrorConnection _other;
    private bool _isDown;

    public SourceMirrorsTests()
    {
        _server = new RangeServer(new byte[4096], _ => _isDown ? new Fault(Status: 503) : null);
        _mirrors = new SourceMirrors([new HttpSource(_server.Address, _clock)], 4096, new RetryPolicy(), _clock);
        _one = _mirrors.TryConnect(0, TestContext.Current.CancellationToken)!;
        _other = _mirrors.TryConnect(1, TestContext.Current.CancellationToken)!;
    }

    public void Dispose()
    {
        _one.Dispose();
        _other.Dispose();
        _server.Dispose();
    }

    [Fact]
    public void Mirror_OneConnectionFailsWhileAnotherIsServed_IsKept()
    {
        for (var round = 0; round < 20; round++)
        {
            Fail(_one);
            Fail(_one);
            Serve(_other);
        }

        Assert.Empty(_mirrors.Dropped);
    }

    [Fact]
    public void Awaited_MirrorThatFailsAgain_SaysWhyUntilItServes()
    {
        Fail(_one);
        Assert.Null(_mirrors.Awaited);

        Fail(_one);
        Assert.Contains("answered 503", _mirrors.Awaited, StringComparison.Ordinal);

        Serve(_other);
        Assert.Null(_mirrors.Awaited);
    }

    [Fact]
    public void Mirror_AllConnectionsFailTogether_IsTriedAsOftenAsByOne()
    {
        for (var round = 0; round < new RetryPolicy().MaxRetries; round++)
        {
            Fail(_one);
            Fail(_other);
        }
        Assert.Empty(_mirrors.Dropped);

        Fail(_other);
        Fail(_one);

        Assert.Contains("It was tried 11 times", Assert.Single(_mirrors.Dropped), StringComparison.Ordinal);
    }

    [Fact]
    public void Mirror_OneConnectionStallsWhileTheOtherFails_IsGivenUpByTheOther()
    {
        Fail(_one);
        for (var retry = 0; retry < new RetryPolicy().MaxRetries; retry++)
            Fail(_other);
        Assert.Empty(_mirrors.Dropped);

        Fail(_other);

        Assert.Single(_mirrors.Dropped);
    }

    [Fact]
    public void Mirror_FailsWhileAnotherMayServe_IsGivenUpAlsoByThePatient()
    {
        using var unasked = new RangeServer(new byte[4096]);
        var mirrors = new SourceMirrors([new HttpSource(_server.Address, _clock), new HttpSource(unasked.Address, _clock)], 4096, RetryPolicy.Patient, _clock);
        using var connection = mirrors.TryConnect(0, TestContext.Current.CancellationToken)!;

        for (var i = 0; i <= RetryPolicy.Patient.MaxRetries; i++)
            Fail(connection);

        Assert.Contains("It was tried 11 times", Assert.Single(mirrors.Dropped), StringComparison.Ordinal);
    }

    [Fact]
    public void Mirror_GivenUpForAnotherThatHasNothing_IsTakenBackWhilePatienceLasts()
    {
        using var empty = new RangeServer(new byte[4096], _ => new Fault(Status: 404));
        var mirrors = new SourceMirrors([new HttpSource(_server.Address, _clock), new HttpSource(empty.Address, _clock)], 4096, RetryPolicy.Patient, _clock);
        using (var away = mirrors.TryConnect(0, TestContext.Current.CancellationToken)!)
        {
            for (var i = 0; i <= RetryPolicy.Patient.MaxRetries; i++)
                Fail(away);
        }
        using (var other = mirrors.TryConnect(0, TestContext.Current.CancellationToken)!)
            Fail(other);
        Assert.Equal(2, mirrors.Dropped.Count);

        using (var back = mirrors.TryConnect(0, TestContext.Current.CancellationToken)!)
        {
            Assert.Contains("answered 404", Assert.Single(mirrors.Dropped), StringComparison.Ordinal);
            Fail(back);
            Assert.Single(mirrors.Dropped);
            _clock.Advance(RetryPolicy.Patient.Patience);
            Fail(back);
        }

        Assert.Null(mirrors.TryConnect(0, TestContext.Current.CancellationToken));
        Assert.Contains("answered 503", mirrors.NoneLeft()!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Mirror_HangingBesideAFastOne_IsDroppedWhileItHangsAndTakenBackForTheFastOne()
    {
        const int size = 8 << 20;
        using var hanging = new RangeServer(new byte[size], _ => new Fault(SendOnly: 1000, Then: AfterCut.Stall));
        using var fast = new RangeServer(new byte[size]);
        var mirrors = new SourceMirrors([new HttpSource(hanging.Address, _clock), new HttpSource(fast.Address, _clock)], size, new RetryPolicy(), _clock);
        using var slow = mirrors.TryConnect(0, TestContext.Current.CancellationToken)!;
        using var other = mirrors.TryConnect(1, TestContext.Current.CancellationToken)!;
        Assert.True(slow.TryOpen(0, size) && other.TryOpen(0, size));
        var held = Task.Run(() => slow.TryRead(new byte[size]), TestContext.Current.CancellationToken);
        // Its wait must have begun before the clock goes on.
        while (mirrors.WireBytes < 1000)
            await Task.Yield();

        Assert.True(other.TryRead(new byte[size / 2]));
        Assert.Empty(mirrors.Dropped);
        _clock.Advance(Pace.Enough);
        Assert.True(other.TryRead(new byte[size / 2]));

        Assert.False(await held.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken));
        Assert.False(slow.IsReady());
        Assert.True(other.IsReady());
        Assert.StartsWith($"{hanging.Address} gave 0 KiB/s while {fast.Address} gave ", Assert.Single(mirrors.Dropped), StringComparison.Ordinal);

        other.Reject("it lied");
        using var back = mirrors.TryConnect(0, TestContext.Current.CancellationToken)!;
        Assert.True(back.IsReady());
        Assert.Equal($"{fast.Address} is not used: it lied.", Assert.Single(mirrors.Dropped));
    }

    [Fact]
    public void Pace_TooFewBytesTooLittleTimeOrAQuarter_IsNotTooSlow()
    {
        var pace = new Pace(100, Pace.Enough);

        Assert.True(pace.IsTooSlowBeside(new Pace(4 << 20, Pace.Enough)));
        Assert.False(pace.IsTooSlowBeside(new Pace((4 << 20) - 1, Pace.Enough)));
        Assert.False((pace with { Waited = Pace.Enough - TimeSpan.FromTicks(1) }).IsTooSlowBeside(new Pace(4 << 20, TimeSpan.FromSeconds(1))));
        Assert.False(new Pace(1 << 20, Pace.Enough).IsTooSlowBeside(new Pace(4 << 20, Pace.Enough)));
    }

    private void Fail(MirrorConnection connection)
    {
        _isDown = true;
        Assert.False(connection.TryOpen(0, 4096));
    }

    private void Serve(MirrorConnection connection)
    {
        _isDown = false;
        Assert.True(connection.TryOpen(0, 4096) && connection.TryRead(new byte[4096]));
        connection.Succeeded();
    }
}
