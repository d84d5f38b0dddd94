using Baremetal.Api;

namespace Baremetal.Conductor.Nodes;

/// <summary>A state in an address, by the word that the wire has for it everywhere; the framework reads enums by their names in C# alone.</summary>
internal readonly record struct NodeStateWord(NodeState State)
{
    public static bool TryParse(string? text, out NodeStateWord word)
    {
        var isOne = Enum.TryParse<NodeState>(text, ignoreCase: true, out var state) && Enum.IsDefined(state) && !char.IsAsciiDigit(text![0]);
        word = new NodeStateWord(state);
        return isOne;
    }
}
