using Baremetal.VmRunner.Host;

namespace Baremetal.VmRunner.Tests.Host;

public sealed class ImageReferenceTests
{
    private const string Digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    [Theory]
    [InlineData("registry.example/team/web:1", true)]
    [InlineData("registry.example:5000/web", true)]
    [InlineData("localhost/vm:1", true)]
    [InlineData("registry.example/web@" + Digest, true)]
    [InlineData("ubuntu-24.04:Latest", false)]
    [InlineData("team/web", false)]
    public void Fault_OfAName_IsNone(string name, bool hasRegistry)
    {
        Assert.Null(ImageReference.Fault(name));
        Assert.Equal(hasRegistry, ImageReference.HasRegistry(name));
    }

    [Theory]
    [InlineData("")]
    [InlineData("--privileged")]
    [InlineData("docker-archive:/etc/shadow")]
    [InlineData("dir:/etc")]
    [InlineData("oci:/tmp/x:latest")]
    [InlineData("registry.example/../../etc")]
    [InlineData("registry.example/Web")]
    [InlineData("registry.example/web:a b")]
    [InlineData("registry.example/web\n")]
    [InlineData("registry.example/web@sha256:12")]
    public void Fault_OfAnythingElse_IsSaid(string name) => Assert.NotNull(ImageReference.Fault(name));

    [Theory]
    [InlineData("registry.example:5000/web:1", "registry.example:5000/web@" + Digest)]
    [InlineData("registry.example:5000/web", "registry.example:5000/web@" + Digest)]
    [InlineData("registry.example/web@sha256:12", "registry.example/web@" + Digest)]
    public void Pinned_AName_HasTheDigestForItsTag(string name, string pinned) => Assert.Equal(pinned, ImageReference.Pinned(name, Digest));
}
