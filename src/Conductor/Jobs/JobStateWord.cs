using Baremetal.Api;

namespace Baremetal.Conductor.Jobs;

/// <inheritdoc cref="Nodes.NodeStateWord"/>
internal readonly record struct JobStateWord(JobState State)
{
    public static bool TryParse(string? text, out JobStateWord word)
    {
        var isOne = Enum.TryParse<JobState>(text, ignoreCase: true, out var state) && Enum.IsDefined(state) && !char.IsAsciiDigit(text![0]);
        word = new JobStateWord(state);
        return isOne;
    }
}
