namespace Baremetal.Api.Client;

/// <summary>The images that VMs are made of.</summary>
public sealed partial class ConductorClient
{
    /// <summary>Answers when it is built; a large disk takes some minutes, and asking again goes on with the same building.</summary>
    /// <param name="image">Of the catalogue: <c>NAME</c> or <c>NAME:VERSION</c>.</param>
    public Task<VmImage> BuildVmImageAsync(string image, CancellationToken cancel) =>
        StartAsync(Routes.VmImages, new BuildVmImage(image), ApiJson.Default.BuildVmImage, ApiJson.Default.VmImage, cancel);

    public IAsyncEnumerable<VmImage> ListVmImagesAsync(CancellationToken cancel) => ListAsync(Routes.VmImages, ApiJson.Default.PageVmImage, cancel);

    public Task RemoveVmImageAsync(string image, CancellationToken cancel) => DeleteAsync(Routes.For(Routes.VmImage, image), cancel);
}
