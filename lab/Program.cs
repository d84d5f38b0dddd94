using Baremetal.Lab;
using Baremetal.Lab.Demo;

return args switch
{
    ["demo", .. var rest] => await DemoRun.MainAsync(rest),
    ["sweep"] => await SweepAsync(),
    _ => Usage(),
};

static async Task<int> SweepAsync()
{
    foreach (var removed in await Leftovers.SweepAsync(alsoKept: true))
        Console.WriteLine($"removed {removed}");
    return 0;
}

static int Usage()
{
    Console.Error.WriteLine("""
        usage: lab demo|sweep

          demo    deploys virtual servers, from power-on to login; ./demo.sh builds what it needs and runs it
          sweep   removes what labs left behind whose process is gone, folders that were kept included
        """);
    return 2;
}
