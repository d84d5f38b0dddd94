using System.Text;
using Baremetal.Conductor.Settings;
using Baremetal.Trust;

namespace Baremetal.Conductor.Certificates;

/// <summary>Signs orders: made at the first start, a key of its own, so that no TLS key can make a machine write its disk.</summary>
public sealed class OrderKey : IDisposable
{
    private readonly SigningKey _key;

    public OrderKey(StateDirectory state)
    {
        if (!File.Exists(state.OrderKey))
        {
            var unfinished = state.OrderKey + ".new";
            File.Delete(unfinished);
            using var made = SigningKey.Create();
            made.Save(unfinished);
            File.Move(unfinished, state.OrderKey);
        }
        if (!SigningKey.TryLoad(state.OrderKey, out var key, out var rejection))
            throw new InvalidDataException(rejection.ToString());
        _key = key;
        // What an operator takes to the root key; made anew if it was lost, since it follows from the other.
        File.WriteAllText(state.OrderPublicKey, key.Public.ToPem() + "\n", Encoding.ASCII);
    }

    public Digest Id => _key.KeyId;

    public byte[] Sign(DeployOrder order) => Envelope.Sign(DeployOrder.PayloadType, order.ToPayload(), _key);

    public void Dispose() => _key.Dispose();
}
