using Baremetal.Lab;

if (args is not ["sweep"])
{
    Console.Error.WriteLine("""
        usage: lab sweep

          sweep   removes what labs left behind whose process is gone, folders that were kept included
        """);
    return 2;
}

foreach (var removed in await Leftovers.SweepAsync(alsoKept: true))
    Console.WriteLine($"removed {removed}");
return 0;
