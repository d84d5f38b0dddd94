using Baremetal.DeployAgent.Efi;

namespace Baremetal.DeployAgent.Tests.Efi;

/// <summary>The variables as files, beside those of others.</summary>
public sealed class BootVariablesTests : IDisposable
{
    private const string Directory = "/sys/firmware/efi/efivars";
    private const string Vendor = "-8be4df61-93ca-11d2-aa0d-00e098032b8c";
    private readonly MachineTree _tree = new("nvme-sata-san");

    public BootVariablesTests()
    {
        _tree.Write($"{Directory}/Boot0000{Vendor}", Variable("UiApp"));
        _tree.Write($"{Directory}/Boot0001{Vendor}", Variable("debian"));
        _tree.Write($"{Directory}/BootOrder{Vendor}", [7, 0, 0, 0, 1, 0, 0, 0]);
        _tree.Write($"{Directory}/BootCurrent{Vendor}", [6, 0, 0, 0, 0, 0]);
        _tree.Write($"{Directory}/Boot0002-00000000-0000-0000-0000-000000000000", Variable("another vendor's"));
    }

    public void Dispose() => _tree.Dispose();

    [Fact]
    public void BootNext_NoEntryOfOurs_TakesTheFirstFreeNumberAndLeavesAllElse()
    {
        var before = Files();

        var number = new BootVariables(new Machine(_tree.Root)).BootNext([1, 2, 3]);

        Assert.Equal(2, number);
        Assert.Equal([7, 0, 0, 0, 1, 2, 3], Read("Boot0002"));
        Assert.Equal([7, 0, 0, 0, 2, 0], Read("BootNext"));
        Assert.Equal(before, Files().Where(file => !file.Key.StartsWith("Boot0002-8", StringComparison.Ordinal) && !file.Key.StartsWith("BootNext", StringComparison.Ordinal)));
    }

    [Fact]
    public void BootNext_OurEntriesOfEarlierDeploys_OneIsUsedAgainAndTheRestIsRemoved()
    {
        _tree.Write($"{Directory}/Boot001F{Vendor}", Variable("Baremetal"));
        _tree.Write($"{Directory}/Boot0002{Vendor}", Variable("Baremetal"));
        var option = Variable("Baremetal")[4..];

        var number = new BootVariables(new Machine(_tree.Root)).BootNext(option);

        Assert.Equal(2, number);
        Assert.Equal(option, Read("Boot0002")[4..]);
        Assert.False(File.Exists(Path.Join(_tree.Root, $"{Directory}/Boot001F{Vendor}")));
    }

    private static byte[] Variable(string description) => [7, 0, 0, 0, 1, 0, 0, 0, 4, 0, .. System.Text.Encoding.Unicode.GetBytes(description + '\0'), 0x7f, 0xff, 4, 0];

    private byte[] Read(string name) => File.ReadAllBytes(Path.Join(_tree.Root, $"{Directory}/{name}{Vendor}"));

    private Dictionary<string, string> Files() =>
        new DirectoryInfo(Path.Join(_tree.Root, Directory)).GetFiles().OrderBy(file => file.Name, StringComparer.Ordinal).ToDictionary(file => file.Name, file => Convert.ToHexString(File.ReadAllBytes(file.FullName)), StringComparer.Ordinal);
}
