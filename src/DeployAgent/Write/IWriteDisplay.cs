using Baremetal.Imaging.Streaming;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Write;

/// <summary>Shows a write to whoever started it. Shown from a timer's thread, a few times a second.</summary>
internal interface IWriteDisplay : IDisposable
{
    void Show(WriteProgress progress);

    void End(ImagePredicate image, string target, WriteOutcome outcome);

    /// <summary>It came to no write at all.</summary>
    void Refuse(Rejection rejection);
}
