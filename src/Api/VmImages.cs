namespace Baremetal.Api;

/// <summary><c>POST /v1/vm-images</c>: makes an image of the catalogue, <c>NAME[:VERSION]</c>, one that VMs can be made of.</summary>
public sealed record BuildVmImage(string Image);

/// <summary>
/// An image of the catalogue as an OCI image with the disk in <c>/disk</c>. Runners fetch it from the conductor's own registry; it takes no room beside the
/// image that it is made of.
/// </summary>
/// <param name="Image">Which one of the catalogue: <c>NAME:VERSION</c>. VMs are created with this name.</param>
/// <param name="Digest"><c>sha256:</c> and the digest of the OCI manifest.</param>
/// <param name="SizeBytes">What a runner fetches.</param>
/// <param name="ManifestSha256">The signed manifest that the disk is of.</param>
public sealed record VmImage(string Image, string Digest, long SizeBytes, string ManifestSha256, DateTimeOffset BuiltAt);
