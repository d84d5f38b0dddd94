using System.CommandLine;

namespace Baremetal.VmRunner.Host;

/// <summary><c>vm-runner join</c>: this machine becomes a conductor's runner.</summary>
internal static class JoinCommand
{
    // Of a token with its newline; what is longer is another file.
    private const int LongestToken = 512;

    public static Command Create()
    {
        var server = new Option<string>("--server") { Description = "The conductor's TLS address, such as https://conductor.example:8443.", Required = true };
        var token = new Option<string>("--token-file") { Description = "The file with the token of 'conductor runner token'; - reads it from standard input.", Required = true };
        var ca = new Option<string?>("--ca") { Description = "The file with the conductor's CA certificate." };
        var pin = new Option<string?>("--pin") { Description = "What 'conductor runner token' says of the CA certificate: sha256:… It is then fetched from the conductor." };
        var plain = new Option<string?>("--plain") { Description = "The conductor's plain address, where --pin fetches the certificate. Default: port 8080 of the server." };
        var name = new Option<string?>("--name") { Description = "What the runner is called where the token does not say. Default: this machine's host name." };
        var state = HostOptions.State();
        var command = new Command("join", "Makes this machine a runner of a conductor. With the same token it may be repeated.") { server, token, ca, pin, plain, name, state };
        command.SetAction((parse, cancel) => HostShell.RunAsync(async () =>
        {
            var address = AddressOf("--server", parse.GetValue(server)!, Uri.UriSchemeHttps);
            if (parse.GetValue(ca) is null == parse.GetValue(pin) is null)
                throw HostFailure.WrongUsage("It must be known whose conductor it is: by --ca FILE or by --pin sha256:…, one of them.", "'conductor runner token' shows the pin.");
            var plainAddress = parse.GetValue(plain) is { } given
                ? AddressOf("--plain", given, Uri.UriSchemeHttp)
                : new UriBuilder(Uri.UriSchemeHttp, address.Host, Joining.UsualPlainPort).Uri;
            var secret = ReadToken(parse.GetValue(token)!);
            var joining = new Joining(address, plainAddress, new RunnerIdentityFile(new StateFolder(parse.GetValue(state)!)), TimeProvider.System);
            var joined = await joining.RunAsync(secret, parse.GetValue(ca), parse.GetValue(pin), parse.GetValue(name) ?? Environment.MachineName, cancel);
            Console.WriteLine($"Joined {address.Authority} as runner {joined.Name} ({joined.Id}). 'systemctl restart baremetal-vm-runner' starts it; 'vm-runner preflight' says whether all that VMs need is here.");
            return HostExitCodes.Done;
        }));
        return command;
    }

    private static Uri AddressOf(string option, string text, string scheme) =>
        Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Scheme == scheme && address.UserInfo.Length == 0
            ? address
            : throw HostFailure.WrongUsage($"{option} is '{text}'; it is an address such as {scheme}://conductor.example:{(scheme == Uri.UriSchemeHttps ? 8443 : Joining.UsualPlainPort)}.");

    private static string ReadToken(string path)
    {
        var text = path == "-" ? ReadAtMost(Console.In) : ReadFile(path);
        var token = text.Trim();
        return token.Length is > 0 and < LongestToken && token.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.')
            ? token
            : throw HostFailure.Refused($"{(path == "-" ? "What came on standard input" : path)} is no token.", "It holds the one line that 'conductor runner token' printed, and nothing else.");
    }

    private static string ReadFile(string path)
    {
        try
        {
            using var file = new StreamReader(path);
            return ReadAtMost(file);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw HostFailure.NotFound($"There is no token file {path}.", "'conductor runner token' makes a token.");
        }
    }

    private static string ReadAtMost(TextReader reader)
    {
        var buffer = new char[LongestToken + 1];
        return new string(buffer, 0, reader.ReadBlock(buffer));
    }
}
