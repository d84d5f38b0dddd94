using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Baremetal.DeployAgent.Write;

/// <summary>The library's help, and behind that of <c>write</c> what a list of options cannot teach.</summary>
internal sealed class WriteHelp(HelpAction options) : SynchronousCommandLineAction
{
    private const string Lesson = """
        Example:
          deploy-agent write --manifest images/debian-12.dsse.json \
            --trust keys/trust.dsse.json --source debian-12.qcow2 --target /dev/sdX

        The documents come from 'conductor key new' and 'conductor image sign'. The image
        replaces what is on the target, as far as it goes. On a disk that is larger, the
        second GPT is moved to the disk's end, and the first one says so: there alone the
        disk differs from the image.

        Exit codes:
          0  written, and verified
          1  failed; the target does not boot until it is written again
          2  wrong usage
          4  refused, and nothing was written
        """;

    // Who asks for help need not give what is required.
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        var code = options.Invoke(parseResult);
        if (parseResult.CommandResult.Command.Name == WriteCommand.Name)
            parseResult.InvocationConfiguration.Output.WriteLine(Lesson);
        return code;
    }
}
