using System.Text;
using Baremetal.Api;
using Baremetal.Api.Client;
using Baremetal.Trust;

namespace Baremetal.DeployAgent.Logs;

/// <summary>What is told of a failure beside its cause: the disks, what the agents of this boot said, what the kernel said. Nothing secret is in it.</summary>
internal sealed class LastWords(Machine machine, AgentLog log, string token)
{
    private const int MostOfDisks = 32 << 10;
    private const int MostOfAgent = 96 << 10;
    private const int MostOfKernel = AgentLogText.Longest - MostOfDisks - MostOfAgent - (1 << 10);

    /// <summary>Sends them, once: what the conductor does not take, or is away for, keeps nobody from telling it the failure itself.</summary>
    public async Task SendAsync(AgentClient client, AgentConsole console, CancellationToken cancel)
    {
        try
        {
            await client.PostLogAsync(new AgentLogText(Text()), cancel);
        }
        catch (ProblemException e)
        {
            console.Say($"The conductor did not take this agent's log: {e.Message}");
        }
    }

    public string Text()
    {
        var text = new StringBuilder();
        Add(text, "disks", string.Join('\n', DiskState.Lines(machine)), MostOfDisks);
        Add(text, "agent", log.Read(), MostOfAgent);
        Add(text, "kernel", machine.KernelLog(), MostOfKernel);
        return text.ToString();
    }

    // The end is what matters. The token stands on the kernel's command line, which the kernel repeats.
    private void Add(StringBuilder text, string title, string? said, int most)
    {
        text.Append("---- ").Append(title).Append(" ----\n");
        if (string.IsNullOrEmpty(said))
            said = "(nothing)";
        // Blotted whole, before a cut could leave a part of it.
        var shown = string.Join('\n', said.Replace(token, "(one-time token)", StringComparison.Ordinal).TrimEnd('\n').Split('\n').Select(Printable.Of));
        text.Append(shown.Length > most ? $"(the last {most} characters)\n{shown[^(most - 100)..]}" : shown).Append('\n');
    }
}
