using System.Text.Json;
using Baremetal.Api;
using Microsoft.AspNetCore.Builder;

namespace Baremetal.Cli.Tests.Nodes;

public sealed class InventoryCommandTests
{
    private static readonly KeptInventory First = new(1, CommandRun.Now.AddDays(-90), CommandRun.Now.AddDays(-2), "b1", "0.1.0", Since: null, []);

    private static readonly KeptInventory Newest = new(
        3, CommandRun.Now.AddDays(-2), CommandRun.Now, "b7", "0.2.0", Since: 1,
        [
            new InventoryChange(InventoryPart.Memory, InventoryChangeKind.Changed, "memory 256 GiB → 192 GiB"),
            new InventoryChange(InventoryPart.Disk, InventoryChangeKind.Added, "disk serial evil \e[2J (nvme, ssd, 1.7 TiB) is new"),
        ],
        MoreChanges: 7);

    [Fact]
    public async Task Inventory_OfANode_IsTheNewestInFull()
    {
        await using var conductor = await StartAsync();

        var output = (await conductor.RunAsync("node", "inventory", "r12")).Succeeded();

        Assert.StartsWith(
            """
            Number:     3
            Seen:       from 2026-01-13 12:00:00Z until 2026-01-15 12:00:00Z
            Told by:    agent 0.2.0, boot b7
            Changed:    memory 256 GiB → 192 GiB
                        disk serial evil ?[2J (nvme, ssd, 1.7 TiB) is new
                        and 7 more
            Machine:    Supermicro AS-1115SV serial S432 12345678-1234-1234-1234-123456789abc
            Firmware:   uefi AMI 1.4
            Processor:  AMD EPYC 9354, x86_64, 1 socket, 32 cores, 64 threads
            Memory:     256 GiB

            DISK       SIZE       SECTOR   KIND     SERIAL     WWN                  MODEL
            /dev/sda   447 GiB    512      ssd      S6PXNA0T   0x5002538f02c0ffee   SAMSUNG MZ7L3480

            """,
            output, StringComparison.Ordinal);
        Assert.Contains("eno1", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task History_OfANode_IsATableTheNewestFirst()
    {
        await using var conductor = await StartAsync();

        Assert.Equal(
            """
            NUMBER   SEEN FROM              UNTIL                  CHANGED
            3        2026-01-13 12:00:00Z   2026-01-15 12:00:00Z   memory 256 GiB → 192 GiB; disk serial evil ?[2J (nvme, ssd, 1.7 TiB) is new; and 7 more
            1        2025-10-17 12:00:00Z   2026-01-13 12:00:00Z   -

            """,
            (await conductor.RunAsync("node", "inventory", "r12", "--history")).Succeeded());
    }

    [Fact]
    public async Task Since_AnOlderOne_IsALineForEachChange()
    {
        await using var conductor = await StartAsync();

        Assert.Equal(
            """
            memory 256 GiB → 192 GiB
            disk serial evil ?[2J (nvme, ssd, 1.7 TiB) is new
            and 7 more

            """,
            (await conductor.RunAsync("node", "inventory", "r12", "--since", "1")).Succeeded());
        Assert.Equal("Nothing of the hardware changed from inventory 1 to 1.\n", (await conductor.RunAsync("node", "inventory", "r12", "--since", "1", "--number", "1")).Succeeded());
    }

    [Theory]
    [InlineData(new[] { 3 })]
    [InlineData(new[] { 1 }, "--number", "1")]
    [InlineData(new[] { 3 }, "--since", "1")]
    [InlineData(new[] { 3, 1 }, "--history")]
    public async Task Inventory_AsJson_IsAsTheApiHasIt(int[] numbers, params string[] options)
    {
        await using var conductor = await StartAsync();

        var output = (await conductor.RunAsync(["node", "inventory", "r12", "-o", "json", .. options])).Succeeded();

        var shown = numbers.Length > 1 ? JsonSerializer.Deserialize(output, ApiJson.Default.PageKeptInventory)!.Items : [JsonSerializer.Deserialize(output, ApiJson.Default.KeptInventory)!];
        Assert.Equal(numbers, shown.Select(kept => kept.Number));
    }

    [Fact]
    public async Task Inventory_OfANodeThatToldNone_SaysHowItComesToOne()
    {
        await using var conductor = await TestConductor.StartAsync(app => app.MapGet(Routes.NodeInventories, () => TestConductor.Answer(new Page<KeptInventory>([], null), ApiJson.Default.PageKeptInventory)));

        Assert.Equal(
            "error: r7 has told no inventory yet. hint: Its agent does at its first boot: conductor node inspect r7 --wait",
            (await conductor.RunAsync("node", "inventory", "r7")).EndedWith(ExitCodes.NotFound));
        Assert.Contains("conductor node inspect r7", (await conductor.RunAsync("node", "inventory", "r7", "--history")).Succeeded(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Give either --history, or --number and --since.", "--history", "--since", "1")]
    [InlineData("Give either --history, or --number and --since.", "--history", "--number", "1")]
    [InlineData("'first'", "--since", "first")]
    public async Task Inventory_OptionsUnclear_IsWrongUsage(string expected, params string[] options) =>
        Assert.Contains(expected, (await CommandRun.Of(["node", "inventory", "r7", .. options])).EndedWith(ExitCodes.WrongUsage), StringComparison.Ordinal);

    private static Task<TestConductor> StartAsync() => TestConductor.StartAsync(app =>
    {
        app.MapGet(Routes.NodeInventories, () => TestConductor.Answer(new Page<KeptInventory>([Newest, First], null), ApiJson.Default.PageKeptInventory));
        app.MapGet(Routes.NodeInventory, (int number, int? since) => TestConductor.Answer(
            (number == 1 ? First with { Since = since } : Newest) with { Inventory = Samples.Active.Inventory }, ApiJson.Default.KeptInventory));
    });
}
