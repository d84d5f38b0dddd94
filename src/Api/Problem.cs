namespace Baremetal.Api;

/// <summary>
/// An error of the API (RFC 9457). <paramref name="Title"/> names the subject and the cause, <paramref name="Remedy"/> what to do;
/// <paramref name="Type"/> is a stable name such as <c>urn:baremetal:problem:state-forbids</c>.
/// </summary>
public sealed record Problem(string Type, string Title, int Status, string? Detail = null, string? Remedy = null)
{
    /// <summary>Of a call without a token, or with one that the conductor does not know.</summary>
    public const string Unauthenticated = "urn:baremetal:problem:unauthenticated";
}

/// <summary>A call that the conductor refused or failed; the problem says why.</summary>
public sealed class ProblemException(Problem problem) : Exception(Describe(problem))
{
    public Problem Problem { get; } = problem;

    private static string Describe(Problem problem) =>
        string.Join(' ', new[] { problem.Title, problem.Detail, problem.Remedy }.Where(part => !string.IsNullOrEmpty(part)));
}
