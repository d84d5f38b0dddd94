using System.Diagnostics;
using Baremetal.Netboot.Dhcp;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Baremetal.Netboot.Tests.Dhcp;

public sealed class LeaseFileTests : IDisposable
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    private readonly string folder = Directory.CreateTempSubdirectory("netboot-").FullName;

    private string LeasePath => Path.Combine(folder, "leases");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Append_ReadBack_IsTheSameInOrder()
    {
        Lease[] leases = [Lease(1, 101), Lease(2, 102), Lease(1, 103)];
        using (var file = LeaseFile.Open(LeasePath, out var none, out _))
        {
            Assert.Empty(none);
            foreach (var lease in leases)
                file.Append(lease);
        }
        Assert.Equal("2026-01-31T12:00:00Z 52:54:00:00:00:01 10.77.0.101 .", File.ReadLines(LeasePath).First());
        Assert.Equal(leases, Read(out var unreadable));
        Assert.Equal(0, unreadable);
    }

    [Fact]
    public void Open_EveryTornEnd_LosesTheLastLeaseAndNoOther()
    {
        using (var file = LeaseFile.Open(LeasePath, out _, out _))
        {
            file.Append(Lease(1, 101));
            file.Append(Lease(2, 102));
        }
        var whole = File.ReadAllBytes(LeasePath);
        var line = whole.Length / 2;
        for (var length = line; length < whole.Length - 1; length++)
        {
            File.WriteAllBytes(LeasePath, whole[..length]);
            Assert.Equal([Lease(1, 101)], Read(out var unreadable));
            Assert.Equal(length == line ? 0 : 1, unreadable);
        }
    }

    [Fact]
    public void Load_AfterATornEnd_TheNextLeaseIsWhole()
    {
        File.WriteAllText(LeasePath, "2026-01-31T12:00:00Z 52:54:00:00:00:01 10.77.0.101 .\n2026-01-31T12:0");
        using (var file = LeaseFile.Open(LeasePath, out var leases, out _))
        {
            var table = Table(file);
            table.Load(leases);
            Assert.Null(table.Grant(Mac(2), Ipv4.Parse("10.77.0.102")));
        }
        Assert.Equal([Lease(1, 101), Lease(2, 102) with { Ends = Noon + TimeSpan.FromHours(1) }], Read(out var unreadable));
        Assert.Equal(0, unreadable);
    }

    [Fact]
    public void Grant_ManyRenewals_KeepTheFileShort()
    {
        using (var file = LeaseFile.Open(LeasePath, out _, out _))
        {
            var table = Table(file);
            for (var i = 0; i < 5000; i++)
                Assert.Null(table.Grant(Mac(i % 3), new Ipv4(Ipv4.Parse("10.77.0.100").Value + (uint)(i % 3))));
            Assert.InRange(new FileInfo(LeasePath).Length, 3 * 57, 1010 * 57); // a line has 57 letters with its end
        }
        Assert.Equal(3, Read(out _).Select(lease => lease.Mac).Distinct().Count());
        Assert.Equal([LeasePath], Directory.GetFiles(folder));
    }

    [Fact]
    public void Grant_DiskFull_GrantsNothingAndLeavesWholeLines()
    {
        Mount("mount", "-t", "tmpfs", "-o", "size=4k", "none", folder);
        try
        {
            var granted = 0;
            using (var file = LeaseFile.Open(LeasePath, out _, out _))
            {
                var table = Table(file);
                table.Load([]);
                Assert.ThrowsAny<IOException>(() =>
                {
                    for (; granted < 100; granted++)
                        Assert.Null(table.Grant(Mac(granted), new Ipv4(Ipv4.Parse("10.77.0.100").Value + (uint)granted)));
                });
                Assert.Equal("address in use", table.Grant(Mac(0), Ipv4.Parse("10.77.0.101")));
            }
            Assert.Equal(granted, Read(out var unreadable).Count);
            Assert.Equal(0, unreadable);
        }
        finally
        {
            Mount("umount", folder);
        }
    }

    [Fact]
    public async Task Grant_DiskFull_RenewsFromMemoryAndWritesItLater()
    {
        Mount("mount", "-t", "tmpfs", "-o", "size=4k", "none", folder);
        try
        {
            var (clock, log) = (new SteppedClock(), new LogLines());
            var address = Ipv4.Parse("10.77.0.100");
            using (var file = LeaseFile.Open(LeasePath, out _, out _))
            {
                var table = Table(file, clock, log);
                table.Load([]);
                Assert.Null(table.Grant(Mac(0), address));
                var others = 1;
                Assert.ThrowsAny<IOException>(() =>
                {
                    for (; others < 100; others++)
                        Assert.Null(table.Grant(Mac(others), new Ipv4(address.Value + (uint)others)));
                });

                clock.Now = Noon + TimeSpan.FromMinutes(40);
                Assert.Null(table.Grant(Mac(0), address));
                Assert.Contains("10.77.0.100", await log.WaitForAsync(1113, TestContext.Current.CancellationToken), StringComparison.Ordinal);
                Assert.Equal(address, table.Offer(Mac(0), Ipv4.None));
                // What was only offered is not held yet.
                var offered = table.Offer(Mac(200), Ipv4.None)!.Value;
                Assert.ThrowsAny<IOException>(() => table.Grant(Mac(200), offered));
                clock.Now = Noon + TimeSpan.FromMinutes(80);
                Assert.Equal("address in use", table.Grant(Mac(1), address));

                Mount("mount", "-o", "remount,size=64k", folder);
                Assert.Null(table.Grant(Mac(1), new Ipv4(address.Value + 1)));
            }
            Assert.Equal(Noon + TimeSpan.FromMinutes(100), Read(out var unreadable).Last(lease => lease.Mac == Mac(0)).Ends);
            Assert.Equal(0, unreadable);
        }
        finally
        {
            Mount("umount", folder);
        }
    }

    [Fact]
    public void Open_HeldByAnother_IsRefused()
    {
        using var held = LeaseFile.Open(LeasePath, out _, out _);
        Assert.ThrowsAny<IOException>(() => LeaseFile.Open(LeasePath, out _, out _));
    }

    private static void Mount(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        Assert.True(process.WaitForExit(TimeSpan.FromSeconds(10)), $"{program} did not end within 10 s");
        Assert.Equal(0, process.ExitCode);
    }

    private static LeaseTable Table(LeaseFile file, TimeProvider? clock = null, ILogger? log = null) => new(
        new AddressPool(Ipv4.Parse("10.77.0.100"), Ipv4.Parse("10.77.0.200"), Ipv4.Mask(24), new HashSet<Ipv4>(), new Dictionary<MacAddress, Ipv4>()),
        TimeSpan.FromHours(1), file, clock ?? new SteppedClock(), log ?? NullLogger.Instance);

    private static Lease Lease(int machine, int address) => new(Mac(machine), Ipv4.Parse($"10.77.0.{address}"), Noon);

    private static MacAddress Mac(int machine) => MacAddress.From([0x52, 0x54, 0, 0, 0, (byte)machine]);

    private IReadOnlyList<Lease> Read(out int unreadable)
    {
        using var file = LeaseFile.Open(LeasePath, out var leases, out unreadable);
        return leases;
    }
}
