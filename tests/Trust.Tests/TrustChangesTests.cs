namespace Baremetal.Trust.Tests;

public sealed class TrustChangesTests : IDisposable
{
    private readonly SigningKey[] _roots = [.. Enumerable.Range(0, 5).Select(_ => SigningKey.Create())];
    private readonly SigningKey _image = SigningKey.Create();

    public void Dispose()
    {
        foreach (var key in _roots.Append(_image))
            key.Dispose();
    }

    private TrustDocument Document(int threshold, params int[] roots)
    {
        var first = TestDocuments.Trust(_roots[roots[0]], _image);
        return roots.Length == 1 ? first : TestDocuments.Next(first, new TrustChanges
        {
            Add = [.. roots.Skip(1).Select(root => (TrustRole.Root, _roots[root].Public))],
            Thresholds = new Dictionary<TrustRole, int> { [TrustRole.Root] = threshold },
        });
    }

    private SigningKey[] Signers(int set) => [.. _roots.Where((_, i) => (set >> i & 1) != 0)];

    // Roots 0, 1 and 2, two of which sign, are followed by roots 2, 3 and 4, two of which sign: all 32 sets of signers are tried.
    [Fact]
    public void Advance_RootsRotated_NeedsTheThresholdOfBothVersionsAndNothingElse()
    {
        var before = Document(threshold: 2, 0, 1, 2);
        var after = TestDocuments.Next(before, new TrustChanges
        {
            Add = [(TrustRole.Root, _roots[3].Public), (TrustRole.Root, _roots[4].Public)],
            Remove = [(TrustRole.Root, _roots[0].KeyId), (TrustRole.Root, _roots[1].KeyId)],
        });
        var anchor = TestDocuments.Pin(TestDocuments.Sign(before, _roots[0], _roots[1]));

        for (var set = 0; set < 32; set++)
        {
            var old = Signers(set & 0b00111).Length >= 2;
            var young = Signers(set & 0b11100).Length >= 2;
            Assert.Equal(old && young, anchor.TryAdvance(TestDocuments.Sign(after, Signers(set)), out _, out _));
        }
    }

    [Fact]
    public void Advance_ThresholdRaised_NeedsTheHigherOneAtOnce()
    {
        var before = Document(threshold: 1, 0, 1);
        var after = TestDocuments.Next(before, new TrustChanges { Thresholds = new Dictionary<TrustRole, int> { [TrustRole.Root] = 2 } });
        var anchor = TestDocuments.Pin(TestDocuments.Sign(before, _roots[0]));

        Assert.False(anchor.TryAdvance(TestDocuments.Sign(after, _roots[0]), out _, out _));
        Assert.False(anchor.TryAdvance(TestDocuments.Sign(after, _roots[0], _roots[0]), out _, out _));
        Assert.True(anchor.TryAdvance(TestDocuments.Sign(after, _roots[0], _roots[1]), out _, out _));
    }

    [Fact]
    public void TryApply_KeyAddedAndRemovedAtOnce_IsRefused()
    {
        var changes = new TrustChanges { Add = [(TrustRole.Root, _roots[1].Public)], Remove = [(TrustRole.Root, _roots[1].KeyId)] };

        Assert.False(changes.TryApply(Document(1, 0), TestDocuments.Now, out _, out var rejection));
        Assert.Contains("added to the root role and removed from it", rejection.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void TryApply_SignerRemoved_TakesItsNamesAndItsKeyWithIt()
    {
        using var build = SigningKey.Create();
        var first = TestDocuments.Trust(_roots[0], _image);
        var second = TestDocuments.Next(first, new TrustChanges { Add = [(TrustRole.Image, build.Public)], Remove = [(TrustRole.Image, _image.KeyId)] });

        Assert.Equal([build.KeyId.ToString()], second.Roles.Image.Names.Keys);
        Assert.Equal(new HashSet<string> { _roots[0].KeyId.ToString(), build.KeyId.ToString() }, second.Keys.Keys.ToHashSet());
    }
}
