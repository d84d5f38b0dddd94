using System.CommandLine;
using Baremetal.Api;
using Baremetal.Cli.Display;

namespace Baremetal.Cli.Vms;

/// <summary><c>conductor vm …</c>: the virtual machines that runners run.</summary>
internal static class VmCommands
{
    public static Option<bool> Wait() => new("--wait") { Description = "Waits until it is so: exit code 0 then, 1 if it failed." };

    public static Verb List()
    {
        var runner = new Option<string>("--runner") { HelpName = "RUNNER", Description = "Only those of this runner." };
        return new Verb(
            "list",
            "Shows the VMs of all runners, or of one.",
            """
            conductor vm list
            conductor vm list --runner kvm1
            """,
            async (call, cancel) =>
            {
                using var conductor = call.Connect();
                var vms = await (call.Get(runner) is { } one ? conductor.ListVmsAsync(one, cancel) : conductor.ListVmsAsync(cancel)).ToArrayAsync(cancel);
                call.Show(new Page<Vm>(vms, null), CliJson.Api.PageVm, (screen, page) => VmViews.List(screen, page.Items, call.Now));
                return ExitCodes.Done;
            })
        {
            runner,
        };
    }

    public static Verb Show()
    {
        var name = VmReference.Argument();
        return new Verb(
            "show",
            "Shows one VM in full: what it shall be, and how its runner found it.",
            """
            conductor vm show kvm1/web
            conductor vm show web
            """,
            async (call, cancel) =>
            {
                using var conductor = call.Connect();
                var (runner, vm) = await VmReference.FindAsync(conductor, call.Require(name), cancel);
                call.Show(await conductor.GetVmAsync(runner, vm, cancel), CliJson.Api.Vm, VmViews.Show);
                return ExitCodes.Done;
            })
        {
            name,
        };
    }

    public static Verb Create()
    {
        var options = new CreateOptions();
        var wait = Wait();
        return new Verb(
            "create",
            "Creates a VM on a runner, from an OCI image that holds one disk, and starts it. The image stays as it is: the VM writes to a disk of its own.",
            """
            conductor vm create web --runner kvm1 --image registry.example/web:1 \
              --memory 2G --publish 8080:80 --ssh-key ~/.ssh/id_ed25519.pub --wait
            conductor vm create db --runner kvm1 --image debian-12 \
              --user-data cloud-config.yaml --stopped
            """,
            async (call, cancel) =>
            {
                var ask = options.Read(call);
                using var conductor = call.Connect();
                var vm = await conductor.CreateVmAsync(call.Require(options.Runner), ask, cancel);
                return await VmFollower.EndAsync(call, conductor, vm, call.Get(wait), VmViews.Created, cancel);
            })
        {
            options.Name,
            options,
            wait,
        };
    }

    public static Verb Start() => Order(VmActions.Start, "Starts a VM that was stopped, failed, or ended by itself. One that runs goes on.", "conductor vm start kvm1/web --wait");

    public static Verb Stop() => Order(VmActions.Stop, "Shuts a VM down: its guest is asked to, and has its time. Its disk is kept.", "conductor vm stop kvm1/web --wait");

    public static Verb Restart() => Order(VmActions.Restart, "Shuts a VM down and starts it again. One that is stopped is started.", "conductor vm restart kvm1/web --wait");

    public static Verb Delete()
    {
        var name = VmReference.Argument();
        var force = new Option<bool>("--force") { Description = "Forgets a VM whose runner is lost, or does not come to delete it: if it still runs there, it runs on, and nobody here knows of it." };
        var wait = Wait();
        return new Verb(
            "delete",
            "Deletes a VM with its disk. Its image stays.",
            """
            conductor vm delete kvm1/web --wait
            conductor vm delete kvm1/web --force
            """,
            async (call, cancel) =>
            {
                using var conductor = call.Connect();
                var found = await VmReference.FindAsync(conductor, call.Require(name), cancel);
                if (await conductor.DeleteVmAsync(found.Runner, found.Vm, call.Get(force), cancel) is { } vm)
                    return await VmFollower.EndAsync(call, conductor, vm, call.Get(wait), VmViews.Ordered, cancel);
                if (!call.WantsJson)
                    call.Out.Line($"Forgot {found}: if it still runs there, it runs on.");
                return ExitCodes.Done;
            })
        {
            name,
            force,
            wait,
        };
    }

    public static Verb Logs() => Text("logs", VmView.Logs, "Shows what a VM's container said: why it did not start, and what QEMU complained of.", "conductor vm logs kvm1/web");

    public static Verb ConsoleLog() => Text(
        "console-log",
        VmView.ConsoleLog,
        "Shows what a VM's serial console said, as far as its runner keeps it. On a terminal what would steer it is shown as '?'; into a file it goes as it is.",
        "conductor vm console-log kvm1/web");

    private static Verb Order(string action, string description, string example)
    {
        var name = VmReference.Argument();
        var wait = Wait();
        return new Verb(action, description, example, async (call, cancel) =>
        {
            using var conductor = call.Connect();
            var (runner, vm) = await VmReference.FindAsync(conductor, call.Require(name), cancel);
            return await VmFollower.EndAsync(call, conductor, await conductor.OrderVmAsync(runner, vm, action, cancel), call.Get(wait), VmViews.Ordered, cancel);
        })
        {
            name,
            wait,
        };
    }

    private static Verb Text(string word, VmView view, string description, string example)
    {
        var name = VmReference.Argument();
        return new Verb(word, description, example, async (call, cancel) =>
        {
            using var conductor = call.Connect();
            var (runner, vm) = await VmReference.FindAsync(conductor, call.Require(name), cancel);
            await using Stream shown = call.Out.IsTerminal ? new ScreenLines(call.Out) : call.Shell.OpenBytes().Out;
            await conductor.CopyVmTextAsync(runner, vm, view, shown, cancel);
            await shown.FlushAsync(cancel);
            return ExitCodes.Done;
        })
        {
            name,
        };
    }
}
