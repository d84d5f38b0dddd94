namespace Baremetal.Api.Client;

/// <summary>The problems that this side finds, as <see cref="Problem.Type"/>: the conductor has said nothing, or nothing readable.</summary>
public static class Problems
{
    /// <summary>Nobody answered, or the connection broke; <see cref="Problem.Status"/> is 0.</summary>
    public const string Unreachable = "urn:baremetal:problem:unreachable";

    /// <summary>Somebody answered who is not the pinned conductor; <see cref="Problem.Status"/> is 0.</summary>
    public const string Untrusted = "urn:baremetal:problem:untrusted";

    /// <summary>The answer is not what this version of the API says.</summary>
    public const string Unreadable = "urn:baremetal:problem:unreadable";

    /// <summary>An HTTP error without problem details, as a proxy in between gives.</summary>
    public const string Http = "urn:baremetal:problem:http";

    /// <summary>Whether the same call may succeed later: nobody answered, or the conductor said that it cannot just now.</summary>
    public static bool ArePassing(Problem problem) => problem.Type == Unreachable || problem.Status is 408 or 429 or >= 500;
}
