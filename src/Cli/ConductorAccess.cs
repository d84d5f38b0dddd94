using System.Text;
using Baremetal.Api;
using Baremetal.Api.Client;

namespace Baremetal.Cli;

/// <summary>
/// Which conductor a command talks to, as whom, and what proves that it is the one. Each of the three comes from the first place that has
/// it: the option, the variable, the operator's files, and for a conductor on this machine its own state directory.
/// </summary>
internal static class ConductorAccess
{
    private const string ServerVariable = "CONDUCTOR_SERVER";
    public const string TokenVariable = "CONDUCTOR_TOKEN";
    private const string CaVariable = "CONDUCTOR_CA";
    private const int DefaultPort = 8443;
    private const int MaxTokenBytes = 4096;

    /// <param name="call">Where the settings come from.</param>
    /// <param name="retrying">Told while the conductor is away.</param>
    public static ConductorClient Open(Invocation call, Action<Problem>? retrying = null)
    {
        var server = Server(call);
        var own = server.IsLoopback ? call.Shell.StateDirectory : null;
        var ca = CaFile.Read(Ca(call, own), WaysOfCa(call));
        return new ConductorClient(server, ca, Token(call, own), call.Shell.Time, retrying);
    }

    private static Uri Server(Invocation call)
    {
        var given = call.Global(GlobalOptions.Server) ?? Variable(call, ServerVariable) ?? OwnFile(call, "server", "address of the conductor");
        if (given is null)
        {
            return Directory.Exists(call.Shell.StateDirectory)
                ? new Uri($"https://localhost:{DefaultPort}")
                : throw Failure.WrongUsage("No conductor is named, and none runs on this machine.", $"Give --server URL, set {ServerVariable}, or write the URL into {call.Shell.ConfigDirectory}/server.");
        }
        var url = given.Contains("://", StringComparison.Ordinal) ? given : $"https://{given}";
        if (!Uri.TryCreate(url, UriKind.Absolute, out var server) || server.Scheme != Uri.UriSchemeHttps || server.AbsolutePath != "/" || server.UserInfo.Length > 0)
            throw Failure.WrongUsage($"'{given}' is no address of a conductor.", "It looks like https://conductor.example:8443; the token never travels over plain HTTP.");
        // A bare name means the port that a conductor has unless it is told otherwise.
        return url == given || !server.IsDefaultPort ? server : new UriBuilder(server) { Port = DefaultPort }.Uri;
    }

    private static string Ca(Invocation call, string? own) =>
        call.Global(GlobalOptions.Ca)
        ?? Variable(call, CaVariable)
        ?? Existing(call.Shell.ConfigDirectory, "ca.pem")
        ?? (own is null ? null : Path.Combine(own, "ca.pem"))
        ?? throw Failure.WrongUsage(
            "Nothing says what proves that the conductor is yours.",
            WaysOfCa(call));

    private static string Token(Invocation call, string? own)
    {
        var token = call.Global(GlobalOptions.Token) switch
        {
            null => Variable(call, TokenVariable) ?? OwnFile(call, "token", "token"),
            "-" => call.Shell.In.ReadLine()?.Trim() ?? "",
            ['b', 'm', '1', '_', ..] => throw Failure.WrongUsage("--token takes a file, not the token itself, which every user of this machine could read there.", $"Write it into a file that only you can read, or set {TokenVariable}. Consider the one just typed as told."),
            var file => Line(file, "token", WaysOfToken(call)),
        };
        token ??= own is null ? null : Line(Path.Combine(own, "admin.token"), "admin token", WaysOfToken(call));
        if (token is null)
            throw Failure.WrongUsage("Nothing says who you are.", WaysOfToken(call));
        return token.Length > 0 && token.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.')
            ? token
            : throw Failure.Refused("The token is empty, or has characters that no token has.", "It is one line that begins with bm1_.");
    }

    private static string WaysOfCa(Invocation call) =>
        $"Give --ca FILE, set {CaVariable}, or put it into {call.Shell.ConfigDirectory} as ca.pem: it is ca.pem in the conductor's state directory.";

    private static string WaysOfToken(Invocation call) =>
        $"Give --token FILE, set {TokenVariable}, or write the token into {call.Shell.ConfigDirectory}/token: a conductor's first one is admin.token in its state directory.";

    private static string? Variable(Invocation call, string name) => call.Shell.Variable(name) is { Length: > 0 } value ? value : null;

    private static string? Existing(string directory, string name) => Path.Combine(directory, name) is var path && File.Exists(path) ? path : null;

    private static string? OwnFile(Invocation call, string name, string what) => Existing(call.Shell.ConfigDirectory, name) is { } path ? Line(path, what) : null;

    private static string Line(string path, string what, string? missing = null) => Encoding.UTF8.GetString(InputFile.Read(path, what, MaxTokenBytes, missing)).Trim();
}
