namespace Baremetal.Imaging.Sources;

/// <summary>One planned use of the source: which chunks it reads, and when, as a turn in the order of all uses.</summary>
internal sealed class SourceUse
{
    /// <summary>Given by the cache; smaller is sooner.</summary>
    public long Turn { get; set; }

    /// <summary>Source chunks, ascending, each once.</summary>
    public List<int> Chunks { get; } = [];
}
