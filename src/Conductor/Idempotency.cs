using Baremetal.Api;

namespace Baremetal.Conductor;

/// <summary>
/// <c>Idempotency-Key</c> (draft-ietf-httpapi-idempotency-key-header): a call that is sent again because its answer was lost gets the
/// first one's answer. The key is kept with what the call made, in the same transaction.
/// </summary>
internal static class Idempotency
{
    private const int Longest = 200;

    public static string? KeyOf(HttpRequest request)
    {
        var key = request.Headers["Idempotency-Key"].ToString();
        if (key.Length > Longest)
            throw Problems.Invalid($"The Idempotency-Key has {key.Length} characters; the most is {Longest}.", "A UUID is enough.");
        return key.Length == 0 ? null : key;
    }

    public static ProblemException Reused(string key) =>
        Problems.Conflict("key-reused", $"The Idempotency-Key '{key}' was used for another call.", "Make a new one for each thing that is asked for.");
}
