using Baremetal.Imaging.Sources;
using Baremetal.Imaging.Streaming;
using Baremetal.Imaging.Targets;

namespace Baremetal.Imaging.Tests;

/// <summary>Writes an image from its own file.</summary>
internal static class Writing
{
    public static WriteOutcome To(IBlockTarget target, TestImage image, WriteOptions? options = null, WriteProgress? progress = null) =>
        From([new FileSource(image.Path)], target, image, options, progress);

    public static WriteOutcome From(
        IReadOnlyList<IByteSource> sources, IBlockTarget target, TestImage image, WriteOptions? options = null, WriteProgress? progress = null, TimeProvider? time = null) =>
        ImageWriter.Write(image.Verified, sources, target, options ?? new WriteOptions(), progress ?? new WriteProgress(), time ?? TimeProvider.System, TestContext.Current.CancellationToken);
}
