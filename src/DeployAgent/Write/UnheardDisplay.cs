using Baremetal.Imaging.Streaming;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Write;

/// <summary>
/// A display that may turn out to be unheard: its output closed, or a log on a file system that is full. A disk that is half written is not left
/// for that; the exit code still tells how it ended.
/// </summary>
internal sealed class UnheardDisplay(IWriteDisplay display) : IWriteDisplay
{
    public void Show(WriteProgress progress) => Try(() => display.Show(progress));

    public void End(ImagePredicate image, string target, WriteOutcome outcome) => Try(() => display.End(image, target, outcome));

    public void Refuse(Rejection rejection) => Try(() => display.Refuse(rejection));

    public void Dispose() => Try(display.Dispose);

    private static void Try(Action tell)
    {
        try
        {
            tell();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            // There is no place left to say so.
        }
    }
}
