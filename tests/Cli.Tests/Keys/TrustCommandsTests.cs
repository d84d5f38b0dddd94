namespace Baremetal.Cli.Tests.Keys;

public sealed class TrustCommandsTests
{
    [Fact]
    public async Task Trust_EveryChangeAtOnce_IsOneVersionThatSaysWhatChanged()
    {
        using var bench = await KeyBench.NewAsync();
        var (root, build, order) = (bench.MakeKey("root-b"), bench.MakeKey("build"), bench.MakeKey("order"));
        OpenSsl.MakeCa(bench.Folder["ca.key"], bench.Folder["ca.pem"]);
        var first = KeyBench.IdOf(bench.Folder["keys/image.pub"]);

        var output = (await CommandRun.Of(
            "key", "trust", "--root-key", bench.Root, "--root-key", bench.Folder["root-b.key"], "--in", bench.First, "--out", bench.Folder["2"],
            "--add", $"root={root}", "--add", $"image={build}", "--add", $"conductor={order}", "--ca", bench.Folder["ca.pem"],
            "--threshold", "root=2", "--threshold", "image=2",
            "--names", $"{build}=debian-*,ubuntu-24.04", "--names", $"{first[..12]}=*-12",
            "--min-release", "debian-12=7", "--min-release", "ubuntu-24.04=3", "--expires", "3y")).Succeeded();

        var document = KeyBench.Walk(bench.First, bench.Folder["2"]);
        Assert.Equal((2L, 2, 2), (document.Version, document.Roles.Root.Threshold, document.Roles.Image.Threshold));
        Assert.Equal([KeyBench.IdOf(bench.Folder["keys/root.pub"]), KeyBench.IdOf(root)], document.Roles.Root.Keyids.Select(key => key.ToString()));
        Assert.Equal(["debian-*", "ubuntu-24.04"], document.Roles.Image.Names[KeyBench.IdOf(build)]);
        Assert.Equal(["*-12"], document.Roles.Image.Names[first]);
        Assert.Equal((7UL, 3UL), (document.MinRelease["debian-12"], document.MinRelease["ubuntu-24.04"]));
        Assert.Equal(CommandRun.Now.AddYears(3), document.Expires);
        foreach (var change in new[]
        {
            "Changed since version 1:",
            $"  added: root key {KeyBench.IdOf(root)[..16]}",
            $"  added: image key {KeyBench.IdOf(build)[..16]}",
            $"  added: conductor key {KeyBench.IdOf(order)[..16]}",
            "  root threshold: 2 (was 1)",
            "  image threshold: 2 (was 1)",
            $"  key {first[..16]} signs images: *-12 (was *)",
            $"  key {KeyBench.IdOf(build)[..16]} signs images debian-*, ubuntu-24.04",
            "  least release of debian-12: 7 (was any)",
            $"  conductor CA: {document.ConductorCaSha256} (was none)",
            "  expires: 2029-01-15 12:00:00Z (was 2028-01-15 12:00:00Z)",
        })
            Assert.Contains(change, output.Split('\n'));
    }

    [Fact]
    public async Task List_SeveralVersions_SaysWhatTheLastOneChanged()
    {
        using var bench = await KeyBench.NewAsync();
        var second = await bench.TrustedAsync(bench.First, "2", "--min-release", "debian-12=7");
        var third = await bench.TrustedAsync(second, "3", "--min-release", "debian-12=9");

        var list = KeyBench.Json(await CommandRun.Of("key", "list", bench.First, second, third, "--output", "json"));

        Assert.Equal(["least release of debian-12: 9 (was 7)"], list.GetProperty("changes").EnumerateArray().Select(change => change.GetString()));
    }

    [Fact]
    public async Task Trust_RootReplaced_NeedsTheOldKeyAndTheNew()
    {
        using var bench = await KeyBench.NewAsync();
        var fresh = bench.MakeKey("fresh");
        string[] rotation = ["key", "trust", "--in", bench.First, "--out", bench.Folder["2"], "--add", $"root={fresh}", "--remove", $"root={bench.Folder["keys/root.pub"]}"];

        var withoutNew = (await CommandRun.Of([.. rotation, "--root-key", bench.Root])).EndedWith(ExitCodes.Refused);
        var withoutOld = (await CommandRun.Of([.. rotation, "--root-key", bench.Folder["fresh.key"]])).EndedWith(ExitCodes.Refused);
        Assert.False(File.Exists(bench.Folder["2"]));
        (await CommandRun.Of([.. rotation, "--root-key", bench.Root, "--root-key", bench.Folder["fresh.key"]])).Succeeded();

        Assert.Contains("root role of version 2", withoutNew, StringComparison.Ordinal);
        Assert.Contains("root role of version 1", withoutOld, StringComparison.Ordinal);
        Assert.Contains("enough root keys of both", withoutNew, StringComparison.Ordinal);
        // From here on the old key signs nothing any more.
        Assert.Contains("root role of version 2", (await bench.TrustAsync(bench.Folder["2"], "3", "--expires", "5y")).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
        Assert.DoesNotContain(KeyBench.IdOf(bench.Folder["keys/root.pub"]), KeyBench.Walk(bench.First, bench.Folder["2"]).Keys);
    }

    [Fact]
    public async Task Trust_ImageSignerReplaced_OldSignaturesNoLongerHold()
    {
        using var bench = await Images.SigningBench.SignedAsync();
        using var keys = new KeyBench();
        var build = keys.MakeKey("build");
        (await CommandRun.Of(
            "key", "trust", "--root-key", bench.Folder["keys/root.key"], "--in", bench.Trust, "--out", bench.Folder["2"],
            "--add", $"image={build}", "--remove", $"image={KeyBench.IdOf(bench.Folder["keys/image.pub"])[..16]}")).Succeeded();

        var error = (await bench.VerifyAsync("--trust", bench.Folder["2"])).EndedWith(ExitCodes.Refused);

        Assert.Contains("0 valid signature(s) of the image role", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("would have no root key left", "--add root=FILE", "--remove", "root=ROOT")]
    [InlineData("would have no image key left", "--add image=FILE", "--remove", "image=IMAGE")]
    [InlineData("signatures of 2 root keys, and would have 1", "--threshold root=1", "--threshold", "root=2")]
    [InlineData("signatures of 3 image keys, and would have 1", "--add image=FILE", "--threshold", "image=3")]
    public async Task Trust_WhatWouldLockOut_IsRefusedWithTheRemedy(string cause, string remedy, params string[] options)
    {
        using var bench = await KeyBench.NewAsync();
        var (root, image) = (KeyBench.IdOf(bench.Folder["keys/root.pub"]), bench.Folder["keys/image.pub"]);

        var error = (await bench.TrustAsync(bench.First, "2", [.. options.Select(option => option.Replace("ROOT", root[..8], StringComparison.Ordinal).Replace("IMAGE", image, StringComparison.Ordinal))])).EndedWith(ExitCodes.Refused);

        Assert.Contains(cause, error, StringComparison.Ordinal);
        Assert.Contains(remedy, error, StringComparison.Ordinal);
        Assert.False(File.Exists(bench.Folder["2"]));
    }

    [Fact]
    public async Task Trust_LastConductorRemoved_IsRefusedUnlessAnotherComes()
    {
        using var bench = await KeyBench.NewAsync();
        var (old, other) = (bench.MakeKey("old"), bench.MakeKey("other"));
        OpenSsl.MakeCa(bench.Folder["ca.key"], bench.Folder["ca.pem"]);
        var second = await bench.TrustedAsync(bench.First, "2", "--add", $"conductor={old}", "--ca", bench.Folder["ca.pem"]);

        var error = (await bench.TrustAsync(second, "3", "--remove", $"conductor={old}")).EndedWith(ExitCodes.Refused);
        var third = await bench.TrustedAsync(second, "3", "--remove", $"conductor={old}", "--add", $"conductor={other}", "--ca", bench.Folder["ca.pem"]);

        Assert.Contains("no conductor key left", error, StringComparison.Ordinal);
        Assert.Equal(KeyBench.IdOf(other), Assert.Single(KeyBench.Walk(bench.First, second, third).Roles.Conductor.Keyids).ToString());
    }

    [Fact]
    public async Task Trust_SameConductorWithAnotherCa_NamesTheNewCa()
    {
        using var bench = await KeyBench.NewAsync();
        var order = bench.MakeKey("order");
        OpenSsl.MakeCa(bench.Folder["ca.key"], bench.Folder["ca.pem"]);
        OpenSsl.MakeCa(bench.Folder["ca2.key"], bench.Folder["ca2.pem"]);
        var second = await bench.TrustedAsync(bench.First, "2", "--add", $"conductor={order}", "--ca", bench.Folder["ca.pem"]);

        var again = (await bench.TrustAsync(second, "3", "--add", $"conductor={order}", "--ca", bench.Folder["ca.pem"])).EndedWith(ExitCodes.Refused);
        var third = await bench.TrustedAsync(second, "3", "--add", $"conductor={order}", "--ca", bench.Folder["ca2.pem"]);

        Assert.Contains("would say the same", again, StringComparison.Ordinal);
        Assert.NotEqual(KeyBench.Walk(second).ConductorCaSha256, KeyBench.Walk(second, third).ConductorCaSha256);
    }

    [Fact]
    public async Task Trust_LeastReleaseLowered_IsRefused()
    {
        using var bench = await KeyBench.NewAsync();
        var second = await bench.TrustedAsync(bench.First, "2", "--min-release", "debian-12=7");

        var error = (await bench.TrustAsync(second, "3", "--min-release", "debian-12=6")).EndedWith(ExitCodes.Refused);

        Assert.Contains("release 7 or later of image debian-12; that never falls to 6", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Trust_ExpiredAndNoMoreTimeGiven_IsRefusedNamingTheOption()
    {
        using var bench = await KeyBench.NewAsync();
        var later = new Surroundings { Time = new StoppedClock(CommandRun.Now.AddYears(3)) };
        string[] args = ["key", "trust", "--root-key", bench.Root, "--in", bench.First, "--out", bench.Folder["2"], "--min-release", "debian-12=7"];

        var error = (await CommandRun.Of(later, args)).EndedWith(ExitCodes.Refused);
        (await CommandRun.Of(later, [.. args, "--expires", "1y"])).Succeeded();

        Assert.Contains("Version 2 would expire at 2028-01-15 12:00:00Z", error, StringComparison.Ordinal);
        Assert.Contains("--expires", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Trust_KeyOfAnotherRole_IsRefused()
    {
        using var bench = await KeyBench.NewAsync();

        var error = (await bench.TrustAsync(bench.First, "2", "--add", $"image={bench.Folder["keys/root.pub"]}")).EndedWith(ExitCodes.Refused);

        Assert.Contains("in the image role and in the root role", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Trust_KeyThatIsAmbiguousOrUnknown_IsNamed()
    {
        using var bench = await KeyBench.NewAsync();
        var stranger = bench.MakeKey("stranger");
        // Of seventeen keys, two have ids that begin with the same digit.
        var many = Enumerable.Range(0, 16).Select(i => bench.MakeKey($"build{i}")).ToArray();
        var second = await bench.TrustedAsync(bench.First, "2", [.. many.SelectMany(key => new[] { "--add", $"image={key}" })]);
        var digit = many.Append(bench.Folder["keys/image.pub"]).Select(KeyBench.IdOf).GroupBy(id => id[..1]).First(group => group.Count() > 1).Key;

        Assert.Contains($"{digit} is the beginning of", (await bench.TrustAsync(second, "3", "--remove", $"image={digit}")).EndedWith(ExitCodes.Refused), StringComparison.Ordinal);
        Assert.Contains("No image key of version 2 begins with", (await bench.TrustAsync(second, "3", "--remove", $"image={KeyBench.IdOf(stranger)}")).EndedWith(ExitCodes.NotFound), StringComparison.Ordinal);
        Assert.Contains("is no image key of version 2", (await bench.TrustAsync(second, "3", "--remove", $"image={stranger}")).EndedWith(ExitCodes.NotFound), StringComparison.Ordinal);
        Assert.Contains("is no image key of version 2", (await bench.TrustAsync(second, "3", "--names", $"{stranger}=x")).EndedWith(ExitCodes.NotFound), StringComparison.Ordinal);
        Assert.Contains(bench.Folder["none.pub"], (await bench.TrustAsync(second, "3", "--remove", $"image={bench.Folder["none.pub"]}")).EndedWith(ExitCodes.NotFound), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--threshold", "root=0")]
    [InlineData("--threshold", "conductor=2")]
    [InlineData("--threshold", "image=two")]
    [InlineData("--names", "debian-*")]
    [InlineData("--names", "KEY=")]
    [InlineData("--names", "KEY=a,,b")]
    [InlineData("--names", "KEY=../*")]
    [InlineData("--min-release", "debian-12")]
    [InlineData("--min-release", "debian-12=-1")]
    [InlineData("--min-release", "../x=1")]
    [InlineData("--remove", "KEY")]
    public async Task Trust_WordThatCannotBeUsed_IsWrongUsageNamingIt(string option, string value)
    {
        using var bench = await KeyBench.NewAsync();
        value = value.Replace("KEY", bench.Folder["keys/image.pub"], StringComparison.Ordinal);

        Assert.Contains(value, (await bench.TrustAsync(bench.First, "2", option, value)).EndedWith(ExitCodes.WrongUsage), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Trust_SameKeyOrSameThresholdTwice_IsWrongUsage()
    {
        using var bench = await KeyBench.NewAsync();

        Assert.Contains("twice for root", (await bench.TrustAsync(bench.First, "2", "--threshold", "root=1", "--threshold", "root=2")).EndedWith(ExitCodes.WrongUsage), StringComparison.Ordinal);
        Assert.Contains("is given already", (await bench.TrustAsync(bench.First, "2", "--root-key", bench.Root, "--expires", "3y")).EndedWith(ExitCodes.WrongUsage), StringComparison.Ordinal);
    }
}
