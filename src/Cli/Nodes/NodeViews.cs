using Baremetal.Api;
using Baremetal.Cli.Display;

namespace Baremetal.Cli.Nodes;

/// <summary>Nodes as people read them.</summary>
internal static class NodeViews
{
    public static void List(Screen screen, Node[] nodes, DateTimeOffset now, NodeState? state)
    {
        if (nodes.Length == 0 && state is { } only)
        {
            screen.Line($"No node is {Word<NodeState>.Of(only)}.");
            return;
        }
        if (nodes.Length == 0)
        {
            screen.Line("There are no nodes yet. 'conductor node enrol' makes the first one known.");
            return;
        }
        var table = new Table("NAME", "STATE", "SINCE", "MAC", "TRUST", "IMAGE OR CAUSE");
        foreach (var node in nodes.OrderBy(node => node.Name, StringComparer.Ordinal))
        {
            table.Add(
                node.Name,
                StateOf(node),
                Units.Age(now - node.Since),
                node.Mac,
                $"{node.Trust.Conductor}/{node.Trust.Node}",
                Remark(node));
        }
        table.Write(screen);
    }

    public static void Show(Screen screen, Node node)
    {
        var sheet = new Sheet();
        sheet.Add("Name", node.Name);
        sheet.Add("Id", node.Id);
        sheet.Add("State", $"{Word<NodeState>.Of(node.State)} since {Units.Time(node.Since)}", StateOf(node).Tone);
        sheet.Add("Cause", node.Cause, Tone.Bad);
        sheet.Add("Protected", node.Protected ? "yes: neither written to nor removed" : null);
        sheet.Add("Maintenance", node.Maintenance, Tone.Busy);
        if (node.Work is { } work)
        {
            sheet.Add("Job", $"{Word<JobKind>.Of(work.Kind)} {work.Job}");
            sheet.Add("Step", $"{work.Step} since {Units.Time(work.Since)}{(work.Attempt > 1 ? $", attempt {work.Attempt}" : "")}", Tone.Busy);
            sheet.Add("Waits for", work.WaitingFor);
            sheet.Add("Then", string.Join(", ", work.Next));
        }
        sheet.Add("Image", node.Image);
        sheet.Add("Address", node.Address);
        foreach (var key in node.SshHostKeys ?? [])
            sheet.Add("SSH host key", $"{key.PublicKey.Split(' ')[0]} {key.Fingerprint}");
        sheet.Add("MAC", node.Mac);
        sheet.Add("Relay", node.Relay);
        sheet.Add("Circuit", node.Circuit);
        sheet.Add("Remote", node.Remote);
        sheet.Add("Power", string.Join(' ', new[] { node.Power.Driver, node.Power.Address, node.Power.Username is { } user ? $"as {user}" : null }.OfType<string>()));
        sheet.Add("Boot policy", Word<BootPolicy>.Of(node.BootPolicy));
        // What the agent told stands below, with the machine.
        sheet.Add("Firmware", node is { Inventory: null, Firmware: { } firmware } ? $"{Word<FirmwareMode>.Of(firmware)}, as enrolled" : null);
        sheet.Add("Network", node.Network is { } network ? NetworkOf(network) : null);
        sheet.Add("Kernel", node.KernelArguments);
        sheet.Add("Trust", $"{node.Trust.Conductor}/{node.Trust.Node} ({Meaning(node.Trust)})");
        sheet.Add("Agent", node.Agent is { } agent ? $"{agent.Version}, enrolled {Units.Time(agent.EnrolledAt)}, last seen {Units.Time(agent.LastSeen)}" : null);
        if (node.Inventory is { } inventory)
            InventoryViews.AddMachine(sheet, inventory);
        sheet.Write(screen);
        if (node.Inventory is { } found)
            InventoryViews.Devices(screen, found);
    }

    public static void Enrolled(Screen screen, Node node)
    {
        screen.Line($"Enrolled {node.Name} ({node.Mac}, {(node.Power.Driver == PowerOptions.Manual ? "switched by hand" : $"power by {node.Power.Driver}")}).");
        screen.Line($"Next, see what it is: conductor node inspect {node.Name} --wait");
    }

    public static void Approved(Screen screen, Node node)
    {
        screen.Line($"{node.Name} is {Word<NodeState>.Of(node.State)}: it may be written to.");
        screen.Line($"Next: conductor deploy {node.Name} --image NAME --wait");
    }

    public static void Edited(Screen screen, Node node)
    {
        screen.Line($"Changed {node.Name}:");
        Show(screen, node);
    }

    public static void Adopted(Screen screen, Node node) =>
        screen.Line($"{node.Name} is {Word<NodeState>.Of(node.State)}, as it is{(node.Protected ? ", and protected: it is neither written to nor removed" : "")}.");

    public static void Protected(Screen screen, Node node) => screen.Line(node.Protected
        ? $"{node.Name} is protected: it is neither written to nor removed until 'conductor node unprotect {node.Name}'."
        : $"{node.Name} is not protected any more: {(node.State is NodeState.Available or NodeState.Active ? "it may be written to" : "it can be removed")}.");

    public static void Maintained(Screen screen, Node node) => screen.Line(node.Maintenance is { } reason
        ? $"{node.Name} is in maintenance ({reason}): nothing is begun on it until 'conductor node maintenance {node.Name} --end'."
        : $"{node.Name} is out of maintenance.");

    public static void Power(Screen screen, string node, PowerReport report) => screen.Line(report.State == PowerState.Unknown
        ? $"{node} has no power controller that could tell whether it is on."
        : $"{node} is {Word<PowerState>.Of(report.State)}.");

    // The table's last column. That nothing can be done to a node is told before what runs on it.
    private static Run Remark(Node node)
    {
        var remark = node.Maintenance is { } maintenance ? new Run($"maintenance: {maintenance}", Tone.Busy) : node.Cause is { } cause ? new Run(cause, Tone.Bad) : node.Image;
        return node.Protected ? remark with { Text = remark.Text.Length == 0 ? "protected" : $"protected; {remark.Text}" } : remark;
    }

    private static Run StateOf(Node node) => new(Word<NodeState>.Of(node.State), node.State switch
    {
        NodeState.Active => Tone.Good,
        NodeState.Failed or NodeState.Held => Tone.Bad,
        NodeState.Pending or NodeState.Inspecting or NodeState.Deploying or NodeState.Cleaning or NodeState.Rescuing => Tone.Busy,
        _ => Tone.Plain,
    });

    private static string NetworkOf(NodeNetwork network) => string.Join(", ", new[]
    {
        network.Vlan is { } vlan ? $"VLAN {vlan}" : null,
        network.Mtu is { } mtu ? $"packets of {mtu} bytes" : null,
        network.Bond is { } bond ? $"bond {bond.Mode} of {string.Join(" and ", bond.Macs)}" : null,
        network.Address ?? "DHCP",
        network.Gateway is { } gateway ? $"gateway {gateway}" : null,
        network.Dns is { } servers ? $"name servers {string.Join(" and ", servers)}" : null,
    }.OfType<string>());

    private static string Meaning(TrustGrades trust)
    {
        var conductor = trust.Conductor switch
        {
            "C0" => "plain PXE",
            "C1" => "pinned over an authenticated path",
            "C2" => "signed UKI under Secure Boot",
            _ => "unknown",
        };
        var node = trust.Node switch
        {
            "N0" => "claimed MAC",
            "N1" => "one-time PXE token",
            "N2" => "token through the BMC",
            "N3" => "TPM 2.0",
            _ => "unknown",
        };
        return $"{conductor}; {node}";
    }
}
