namespace Baremetal.Conductor.Tests.World;

internal sealed class TempFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("conductor-test-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
