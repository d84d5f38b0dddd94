using Baremetal.Imaging.Sources;
using Baremetal.Support;
using Baremetal.Trust;

namespace Baremetal.Imaging.Tests.Sources;

/// <summary>Indexes by their digests, from a conductor or from a folder that some web server offers.</summary>
public sealed class BlobsTests
{
    private static readonly byte[] _blob = [1, 2, 3, 4];

    [Fact]
    public void TryFetch_FolderThatIsServedAsItWasSigned_IsFoundByItsFileName()
    {
        using var server = new RangeServer(_blob, request => request.Number == 1 ? new Fault(Status: 404) : null);

        Assert.True(TryFetch(server, out var found, out var rejection), rejection?.ToString());
        Assert.Equal(_blob, found);
    }

    [Fact]
    public void TryFetch_NeitherNameIsThere_NamesBothAddresses()
    {
        using var server = new RangeServer(_blob, _ => new Fault(Status: 404));

        Assert.False(TryFetch(server, out _, out var rejection));
        Assert.Contains($"{server.Address}/{Digest.Of(_blob)} answered 404", rejection!.Cause, StringComparison.Ordinal);
        Assert.Contains($"{server.Address}/{Digest.Of(_blob)}.index answered 404", rejection.Cause, StringComparison.Ordinal);
    }

    private static bool TryFetch(RangeServer server, out byte[]? found, out Rejection? rejection) => Blobs.TryFetch(
        Digest.Of(_blob), _blob.Length, [server.Address.ToString()], new RetryPolicy(0, TimeSpan.Zero, TimeSpan.Zero), TimeProvider.System, out found, out rejection, TestContext.Current.CancellationToken);
}
