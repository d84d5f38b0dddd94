using System.Diagnostics;

namespace Baremetal.Cli.Tests;

/// <summary>Programs that know nothing of us: what they accept and make is the format that we promise.</summary>
internal static class Tool
{
    public static string Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {error.GetAwaiter().GetResult()}{output}");
        return output;
    }
}

internal static class OpenSsl
{
    public static string Run(params string[] arguments) => Tool.Run("openssl", arguments);

    public static void MakeCa(string key, string certificate) =>
        Run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=test conductor", "-keyout", key, "-out", certificate);
}
