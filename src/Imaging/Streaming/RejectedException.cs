using Baremetal.Trust;

namespace Baremetal.Imaging.Streaming;

/// <summary>Brings a refusal out of a worker thread.</summary>
internal sealed class RejectedException(Rejection rejection, WriteFault fault = WriteFault.Image) : Exception(rejection.Cause)
{
    public Rejection Rejection { get; } = rejection;

    public WriteFault Fault { get; } = fault;
}
