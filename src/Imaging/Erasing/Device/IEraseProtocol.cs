namespace Baremetal.Imaging.Erasing.Device;

/// <summary>How disks of one command set erase themselves.</summary>
internal interface IEraseProtocol
{
    /// <summary>The first word of its methods' names.</summary>
    string Name { get; }

    /// <summary>Waits for a sanitize that goes on already: one that was begun before the agent or the power was lost. Null if there is none.</summary>
    MethodEnd? Resume();

    /// <summary>The ways that the disk claims, the surest first. With none, <paramref name="why"/> says why.</summary>
    List<Method> Methods(out string why);
}

/// <summary>One way to make a disk erase itself, by the name that its report has.</summary>
internal sealed class Method(string name, Func<MethodEnd> run)
{
    public string Name => name;

    public MethodEnd Run() => run();
}
