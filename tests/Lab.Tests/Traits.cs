namespace Baremetal.Lab.Tests;

internal static class Traits
{
    public const string Needs = "Needs";
    public const string VirtualServers = "VirtualServers";
}
