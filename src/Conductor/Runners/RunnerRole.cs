using System.Text;
using Baremetal.Api;
using Baremetal.Conductor.Boot;
using Baremetal.Conductor.Certificates;
using Baremetal.Conductor.Database;
using Baremetal.Conductor.Nodes;
using Baremetal.Conductor.Settings;
using Baremetal.Trust;
using Dapper;

namespace Baremetal.Conductor.Runners;

/// <summary>
/// How a deployed node becomes a runner: its config drive brings a script, which its cloud-init runs once; that fetches our package, and joins by a
/// one-time token of this node.
/// </summary>
public sealed class RunnerRole(IDatabase database, CertificateAuthority authority, NodeAddresses addresses, ConductorSettings settings)
{
    /// <summary>What the log of a first boot is kept under, among the boots of the job's agents.</summary>
    public const string FirstBoot = "first-boot";

    /// <summary>Longer than any deploy; whoever reads the disk after that finds nothing of use.</summary>
    private static readonly TimeSpan TokenLife = TimeSpan.FromDays(1);

    private static readonly Lazy<string> Script = new(() =>
    {
        using var script = new StreamReader(typeof(RunnerRole).Assembly.GetManifestResourceStream("first-boot.sh")!);
        return script.ReadToEnd();
    });

    /// <summary>Refuses what could only fail later: when the machine has been written.</summary>
    internal void Require(NodeRow node)
    {
        if (!File.Exists(settings.RunnerPackage))
        {
            throw Problems.Refused($"No node can be made a runner: {settings.RunnerPackage} does not exist.",
                "Build the package with packaging/baremetal-vm-runner/build.sh and put it there, or set runnerPackage.");
        }
        if (!RunnerTable.IsName(node.Name))
            throw Problems.Refused($"A runner cannot be called '{node.Name}', as its node is.", $"Give the node another name first: 'conductor node edit {node.Name} --name NAME'.");
        if (database.Read(sql => RunnerTable.ByName(sql, node.Name)) is { } other && other.Node != node.Id)
            throw JoinEndpoints.TakenName(other);
    }

    /// <summary>The node is written or erased now: it is no runner any more, and nobody's VM may go by the way.</summary>
    internal static void End(WriteTransaction tx, NodeRow node)
    {
        tx.Sql.Execute("DELETE FROM runner_tokens WHERE node = @Id", new { node.Id });
        if (RunnerTable.OfNode(tx.Sql, node.Id) is not { } runner)
            return;
        if (runner.Vms > 0)
        {
            throw Problems.Conflict("has-vms", $"Node {node.Name} is runner {runner.Name}, with {runner.Vms} VM{(runner.Vms == 1 ? "" : "s")}, whose disks would go with it.",
                $"Delete them first ('conductor vm list --runner {runner.Name}'), or give them up: 'conductor runner remove {runner.Name} --force'.");
        }
        RunnerTable.Remove(tx, runner);
    }

    /// <summary>What cloud-init is to run, with a new token in it.</summary>
    public string FirstBootScript(NodeRow node, string phoneHomeToken)
    {
        var token = database.Write(tx => RunnerTokens.Issue(tx, node.Name, node.Id, rejoins: null, tx.Now + TokenLife));
        var script = new StringBuilder("#!/bin/sh\n");
        Set("server", addresses.TlsUrl);
        Set("package", addresses.PlainUrl + Routes.RunnerPackage);
        Set("sha256", PackageDigest().ToString());
        Set("failure", addresses.TlsUrl + Routes.For(Routes.FirstBootFailure, phoneHomeToken));
        Set("token", token);
        Set("ca", authority.Pem.TrimEnd());
        return script.Append(Script.Value).ToString();

        // Nothing of ours has a quote in it.
        void Set(string name, string value) => script.Append(name).Append("='").Append(value).Append("'\n");
    }

    private Digest PackageDigest()
    {
        using var package = File.OpenRead(settings.RunnerPackage);
        return Digest.Of(package);
    }
}
