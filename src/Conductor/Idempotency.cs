using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Baremetal.Api;
using Baremetal.Conductor.Secrets;
using Baremetal.Trust;

namespace Baremetal.Conductor;

/// <summary>
/// <c>Idempotency-Key</c> (draft-ietf-httpapi-idempotency-key-header): a call that is sent again because its answer was lost gets the
/// first one's answer. The key is kept with what the call made, in the same transaction, and beside it what was asked for: another call under
/// a used key must not be told that it was done.
/// </summary>
/// <param name="Key">Null where the call has none; it starts work each time that it is sent.</param>
/// <param name="Request">Tells calls apart, whatever spaces and order of members their JSON has.</param>
internal sealed record Idempotency(string? Key, Digest? Request)
{
    private const int Longest = 200;

    public static Idempotency Of<T>(HttpRequest request, SecretBox secrets, string what, T body, JsonTypeInfo<T> type)
    {
        var key = request.Headers["Idempotency-Key"].ToString();
        if (key.Length > Longest)
            throw Problems.Invalid($"The Idempotency-Key has {key.Length} characters; the most is {Longest}.", "A UUID is enough.");
        return key.Length == 0 ? new Idempotency(null, null) : new Idempotency(key, secrets.Fingerprint([.. Encoding.UTF8.GetBytes(what), 0, .. JsonSerializer.SerializeToUtf8Bytes(body, type)]));
    }

    /// <summary>Refuses a call that is not the one that its key was used for.</summary>
    /// <param name="isOfTheSame">Whether it is about the same node, which a call can name in three ways.</param>
    /// <param name="first">Of the first call; null where a conductor made it that did not keep it yet.</param>
    public void Require(bool isOfTheSame, Digest? first)
    {
        if (!isOfTheSame || (first is not null && first != Request))
        {
            throw new ProblemException(Problems.Of(StatusCodes.Status422UnprocessableEntity, "key-reused",
                $"The Idempotency-Key '{Key}' was used for another call.", "Make a new one for each thing that is asked for."));
        }
    }
}
