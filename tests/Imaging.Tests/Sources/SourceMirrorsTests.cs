using Baremetal.Imaging.Sources;
using Baremetal.Support;

namespace Baremetal.Imaging.Tests.Sources;

/// <summary>When a mirror is given up, however many threads read from it.</summary>
public sealed class SourceMirrorsTests : IDisposable
{
    private readonly ManualClock _clock = new();
    private readonly RangeServer _server;
    private readonly SourceMirrors _mirrors;
    private readonly SourceMirrors.Connection _one;
    private readonly SourceMirrors.Connection _other;
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
        Assert.Contains("answered 503", mirrors.NoneLeft().Message, StringComparison.Ordinal);
    }

    private void Fail(SourceMirrors.Connection connection)
    {
        _isDown = true;
        Assert.False(connection.TryOpen(0, 4096));
    }

    private void Serve(SourceMirrors.Connection connection)
    {
        _isDown = false;
        Assert.True(connection.TryOpen(0, 4096) && connection.TryRead(new byte[4096]));
        connection.Succeeded();
    }
}
