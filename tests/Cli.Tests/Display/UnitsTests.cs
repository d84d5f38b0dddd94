using Baremetal.Cli.Display;

namespace Baremetal.Cli.Tests.Display;

public sealed class UnitsTests
{
    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1023, "1023 B")]
    [InlineData(1024, "1.0 KiB")]
    [InlineData(1536, "1.5 KiB")]
    [InlineData(100 << 10, "100 KiB")]
    [InlineData((1 << 20) - 1, "1.0 MiB")]
    [InlineData(8L << 30, "8.0 GiB")]
    [InlineData(2L << 40, "2.0 TiB")]
    public void Bytes_OfAnySize_HaveTwoOrThreeDigits(long bytes, string expected) => Assert.Equal(expected, Units.Bytes(bytes));

    [Theory]
    [InlineData(0.04, "0.0 s")]
    [InlineData(9.94, "9.9 s")]
    [InlineData(42, "42 s")]
    [InlineData(60, "1 min 00 s")]
    [InlineData(185, "3 min 05 s")]
    [InlineData(7800, "2 h 10 min")]
    public void Duration_OfAnyLength_HasTheUnitThatFits(double seconds, string expected) => Assert.Equal(expected, Units.Duration(TimeSpan.FromSeconds(seconds)));

    [Theory]
    [InlineData(-5, "0s")]
    [InlineData(119, "119s")]
    [InlineData(120, "2m")]
    [InlineData(7200, "2h")]
    [InlineData(172800, "2d")]
    public void Age_OfAnyLength_IsOneWord(double seconds, string expected) => Assert.Equal(expected, Units.Age(TimeSpan.FromSeconds(seconds)));
}
