using System.Data;
using Baremetal.Conductor.Images;

namespace Baremetal.Conductor.VmImages;

/// <summary>What a VM of one of our own images is ordered to be made of: one that was built, and whose signatures hold now.</summary>
internal sealed class OwnImages(TrustChainStore trust, TimeProvider time)
{
    /// <param name="sql">Where it is looked up.</param>
    /// <param name="reference"><c>NAME</c> or <c>NAME:VERSION</c>.</param>
    /// <returns>What the runner pulls.</returns>
    public string PathOf(IDbConnection sql, string reference)
    {
        var image = ImageTable.Get(sql, reference);
        if (!trust.TryGet(out var anchor, out var rejection) || !anchor.TryOpenManifest(image.Envelope, time.GetUtcNow(), out _, out _, out rejection))
            throw Problems.Refused(rejection.Cause, rejection.Remedy);
        return VmImageTable.Of(sql, image) is { } built
            ? RegistryEndpoints.PathOf(built)
            : throw Problems.Conflict("not-built", $"Image {image.Name}:{image.Version} is for servers; VMs are not made of it yet.", $"'conductor vm-image build {image.Name}:{image.Version}' does it.");
    }
}
