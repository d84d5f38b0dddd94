namespace Baremetal.Trust;

/// <summary>
/// Why something from outside was refused: <paramref name="Cause"/> names the subject and what is wrong with it, as a sentence;
/// <paramref name="Remedy"/> says what to do about it.
/// </summary>
public sealed record Rejection(string Cause, string? Remedy = null)
{
    public override string ToString() => Remedy is null ? Cause : $"{Cause} {Remedy}";
}
