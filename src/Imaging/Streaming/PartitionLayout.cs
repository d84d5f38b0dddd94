using System.Text;
using Baremetal.Imaging.PartitionTables;

namespace Baremetal.Imaging.Streaming;

/// <summary>
/// What an order makes of the disk of a partition image, whose root partition is the last one: it gets the space up to the disk's end, but for swap and the
/// config drive. The file system in it stays as large as it was signed, for the installed system to grow.
/// </summary>
/// <param name="RootPartition">Its number.</param>
/// <param name="SwapBytes">Of a swap partition behind it, a whole number of MiB; 0 for none.</param>
/// <param name="Seed">What disk and partitions get GUIDs of their own from: the same at each attempt, and no other disk's.</param>
public sealed record PartitionLayout(int RootPartition, long SwapBytes, string Seed)
{
    internal Guid IdOf(string what) => DerivedId.Of(Encoding.UTF8.GetBytes($"{Seed} {what}"));
}
