using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace Baremetal.Conductor.Power;

/// <summary>Where a BMC is and who asks it.</summary>
internal sealed record IpmiAccess(IpmiAddress Address, string Username, string Password)
{
    /// <summary>As errors name it: without user and password.</summary>
    public override string ToString() => $"The BMC {Address}";
}

/// <summary>
/// Asks a BMC by Debian's <c>ipmitool</c>, each question a session and a process of its own. The password goes there by the environment,
/// which only this user may read, never on the command line, which everybody may.
/// </summary>
internal sealed class IpmiTool(IpmiAccess access, TimeProvider time)
{
    private const string Program = "ipmitool";

    /// <summary>With the tries below it gives up by itself after ten seconds in silence; a BMC that falls silent in a session takes some more.</summary>
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(30);

    /// <summary>What it says on the way, whatever comes of it.</summary>
    private static readonly string[] Noise = ["Loading IANA", "Running Get", "Discovered IPMB", "Invalid completion code received", "Get HPM.x", "Error: Unable to establish"];

    /// <summary>Returns what it printed to its standard output; every other end is a <see cref="PowerException"/>.</summary>
    public async Task<string> ChassisAsync(string[] command, CancellationToken cancel)
    {
        using var process = Start(command);
        using var patience = new CancellationTokenSource(AnswerWithin, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancel);
        try
        {
            // It would ask a person for what it misses.
            process.StandardInput.Close();
            var output = process.StandardOutput.ReadToEndAsync(either.Token);
            var errors = process.StandardError.ReadToEndAsync(either.Token);
            await process.WaitForExitAsync(either.Token);
            return process.ExitCode == 0 ? await output : throw Failure(command, await errors + await output);
        }
        catch (OperationCanceledException e) when (!cancel.IsCancellationRequested)
        {
            throw new PowerException($"{access} did not answer '{string.Join(' ', command)}' within {AnswerWithin.TotalSeconds:0} s.", "It may be busy; restart it if it stays so.", again: true, e);
        }
        finally
        {
            process.Kill();
        }
    }

    private Process Start(string[] command)
    {
        var start = new ProcessStartInfo(
            Program,
            [
                // -v: why a session was refused is said only then. Two would show the session's keys.
                "-v", "-I", "lanplus", "-H", access.Address.Host, "-p", Number(access.Address.Port), "-C", Number(access.Address.Cipher),
                // No more rights than power and boot device take; most accounts for this have no more.
                "-L", "OPERATOR",
                // An order that is repeated too soon is done twice: slow BMCs need more than the one second that is usual.
                "-N", "2", "-R", "2",
                "-U", access.Username, "-E", "chassis", .. command,
            ])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["IPMI_PASSWORD"] = access.Password;
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new PowerException($"{access} cannot be asked: {Program} cannot be run ({e.Message}).", "Install the package ipmitool on the conductor's machine.", again: false, e);
        }
    }

    private PowerException Failure(string[] command, string said)
    {
        var lines = said.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Where(line => !Noise.Any(noise => line.StartsWith(noise, StringComparison.Ordinal)));
        var reason = string.Join("; ", lines).TrimEnd('.', '!');
        if (Says("RAKP 2 HMAC is invalid"))
            return new PowerException($"{access} refuses the password of user '{access.Username}'.", "Give the node the password of that account: 'conductor node edit'.", again: false);
        if (Says("unauthorized name"))
            return new PowerException($"{access} refuses user '{access.Username}'.", "Give the node an account that may use IPMI over LAN there.", again: false);
        if (Says("unauthorized role") || Says("invalid role") || Says("nsufficient privilege"))
            return new PowerException($"{access} does not let user '{access.Username}' switch power ({reason}).", "Give that account the privilege OPERATOR on the BMC's LAN channel.", again: false);
        if (Says("algorithm"))
        {
            return new PowerException(
                $"{access} does not take cipher suite {access.Address.Cipher} ({reason}).",
                access.Address.Cipher == 3 ? "Allow cipher suite 3 in its settings, or give its address without '?cipher=3'." : "If it is an old one, give its address with '?cipher=3' ('--ipmi-cipher 3').",
                again: false);
        }
        return Says("Unable to establish")
            ? new PowerException($"{access} cannot be reached: {(reason.Length > 0 ? reason : "it opens no session")}.", "Check its address, that IPMI over LAN is switched on there, and that this machine may reach it (UDP).", again: true)
            : new PowerException($"{access} did not do '{string.Join(' ', command)}': {(reason.Length > 0 ? reason : "no reason given")}.", "It may be restarting; if it stays so, its own log should say why.", again: true);

        bool Says(string words) => said.Contains(words, StringComparison.Ordinal);
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
