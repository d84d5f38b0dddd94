using System.Text;
using Baremetal.Api;
using Baremetal.Cli.Display;
using Baremetal.Trust;

namespace Baremetal.Cli.Jobs;

/// <summary>What a deploy would do: what the conductor planned, and all that was asked for, so that a slip is seen before anything is written.</summary>
internal static class DryRunView
{
    /// <param name="screen">Where it is shown.</param>
    /// <param name="job">As it would be.</param>
    /// <param name="ask">What was asked for.</param>
    /// <param name="hints">Of the disk, as they were typed.</param>
    /// <param name="oldDrives">Of the disks whose config drives are removed, the same.</param>
    public static void Show(Screen screen, Job job, DeployNode ask, string[] hints, string[] oldDrives)
    {
        var deployment = job.Deployment;
        screen.Line(deployment?.TargetDisk is null
            ? "Nothing was started; what can be checked without the node's inventory has passed."
            : "Nothing was started; all checks that can be made now have passed.");
        screen.Line($"{JobViews.Title(job)} would write:");
        var sheet = new Sheet();
        sheet.Add("Disk", deployment?.TargetDisk ?? $"not known: {job.NodeName} never told what it has; it is chosen and checked when its agent comes", deployment?.TargetDisk is null ? Tone.Busy : Tone.Plain);
        sheet.Add("Hints", string.Join(", ", hints));
        sheet.Add("Image", deployment is null ? null : $"{deployment.Image}, {Units.Bytes(deployment.DiskBytes)} from a file of {Units.Bytes(deployment.SourceBytes)}");
        sheet.Add("Swap", ask.SwapBytes is { } swap ? Units.Bytes(swap) : null);
        sheet.Add("Hostname", deployment?.Hostname);
        sheet.Add("SSH keys", ask.SshKeys is { Length: > 0 } keys ? $"{keys.Length}" : null);
        sheet.Add("User data", ask.UserData is { } userData ? $"{Units.Bytes(Encoding.UTF8.GetByteCount(userData))}{(ask.Template is null ? ", as they are" : ", a template")}" : null);
        sheet.Add("Network", ask.NetworkData is { } network ? $"{Units.Bytes(Encoding.UTF8.GetByteCount(network.GetRawText()))} of network data" : null);
        sheet.Add("Starts by", ask.Kexec ? "kexec, without another run of the firmware" : null);
        sheet.Add("Becomes", ask.Role == NodeRole.Runner ? "a runner, called as its node" : null);
        sheet.Add("Waits for", ask.WaitFor is { } sign ? Word<BootSign>.Of(sign) : null);
        // Once the disks are known, each is named by what it is.
        sheet.Add("Removes", deployment?.TargetDisk is null && oldDrives.Length > 0 ? $"the config drive of {string.Join(" and of ", oldDrives)}" : null);
        JobViews.AddConfigDrives(sheet, deployment);
        sheet.Write(screen);
        if (deployment?.Layout is { } layout)
            AddLayout(screen, layout);
        if (deployment?.UserData is { } filled)
            AddUserData(screen, filled);
    }

    private static void AddLayout(Screen screen, PlannedPartition[] layout)
    {
        screen.Line();
        var table = new Table("PART", "FROM", "SIZE");
        foreach (var part in layout)
            table.Add(part.Name, Units.Bytes(part.Offset), Units.Bytes(part.Bytes));
        table.Write(screen);
    }

    private static void AddUserData(Screen screen, string userData)
    {
        screen.Line();
        screen.Line("The installed system is given this user data:");
        foreach (var line in userData.TrimEnd('\n').Split('\n'))
            screen.Line($"  {Printable.Of(line)}");
    }
}
