using System.Diagnostics;

namespace Baremetal.Cli.Tests;

/// <summary>The <c>openssl</c> program: it knows nothing of us, so what it accepts and makes is the format that we promise.</summary>
internal static class OpenSsl
{
    public static string Run(params string[] arguments)
    {
        var start = new ProcessStartInfo("openssl", arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"openssl {string.Join(' ', arguments)} ended with {process.ExitCode}: {error.GetAwaiter().GetResult()}{output}");
        return output;
    }

    public static void MakeCa(string key, string certificate) =>
        Run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=test conductor", "-keyout", key, "-out", certificate);
}
