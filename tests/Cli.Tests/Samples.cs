using Baremetal.Api;

namespace Baremetal.Cli.Tests;

/// <summary>Answers of a conductor, all at the time of <see cref="CommandRun.Now"/>.</summary>
internal static class Samples
{
    public const string JobId = "019bc14e-d400-7f59-9d0a-3c1f5b0f7a51";

    private static readonly DateTimeOffset Now = CommandRun.Now;

    public static readonly Node Enrolled = new(
        "019bc14e-0000-7000-8000-000000000007", "r7", "52:54:00:12:34:56", NodeState.Enrolled, Now.AddMinutes(-5), 1, new PowerSettings("redfish", "https://r7-bmc", "admin"),
        BootPolicy.DiskFirst, new TrustGrades("C0", "N0"), Agent: null, Address: null, Image: null, CurrentJob: null, Cause: null, Inventory: null);

    public static readonly Node Active = Enrolled with
    {
        Name = "r12",
        State = NodeState.Active,
        Since = Now.AddDays(-12),
        Trust = new TrustGrades("C0", "N1"),
        Address = "10.0.0.112",
        Image = "debian-12:1",
        Agent = new AgentPresence("b1", "0.1.0", Now.AddDays(-12), Now.AddDays(-12).AddMinutes(3)),
        Inventory = new Inventory(
            new Processor("AMD EPYC 9354", "x86_64", 1, 32, 64),
            256L << 30,
            [
                new Disk("/dev/sda", 480_103_981_056, "S6PXNA0T", "0x5002538f02c0ffee", "SAMSUNG MZ7L3480", "ATA", false, false, 512, 4096, "pci-0000:00:17.0-ata-1", "sata"),
                new Disk("/dev/sdb", 18L << 40, null, null, "evil \e[2J disk", null, true, true, 4096, 4096, null),
            ],
            [
                new NetworkInterface("eno1", "52:54:00:12:34:56", 25000, true, "ice", ["10.0.0.112"], true),
                new NetworkInterface("eno2", "52:54:00:12:34:57", null, false, "ice", [], false),
            ],
            FirmwareMode.Uefi,
            new SystemIdentity("Supermicro", "AS-1115SV", "S432", Guid.Parse("12345678-1234-1234-1234-123456789abc"), "AMI", "1.4")),
    };

    public static readonly Node Failed = Enrolled with { Name = "r3", State = NodeState.Failed, Since = Now.AddSeconds(-42), Cause = "The agent has not been heard of for 60 s." };

    public static readonly Job Deploying = new(
        JobId, Enrolled.Id, "r7", JobKind.Deploy, "begin", 1, Now, Now, null, null, null, null, [],
        new Deployment("debian-12:1", new string('a', 64), "web7", "/dev/sda", 8L << 30, 400L << 20), null);

    public static readonly Job Deployed = Deploying with
    {
        Step = "wait-for-system",
        Outcome = JobOutcome.Done,
        Finished = Now.AddSeconds(95),
        Steps =
        [
            new JobStep("prepare", 1, Now.AddSeconds(1), Now.AddSeconds(1.5), null),
            new JobStep("write-image", 1, Now.AddSeconds(2), Now.AddSeconds(44), null),
        ],
        Result = new WriteResult(412L << 20, 1200L << 20, (8L << 30) - (1200L << 20), 0, 41.6, 180L << 20),
    };

    public static readonly Job WriteFailed = Deploying with
    {
        Step = "write-image",
        Outcome = JobOutcome.Failed,
        Cause = "Chunk 17 of the source differs from the signed index. Upload the image again.",
        FailureCode = FailureCodes.SourceFailed,
        Finished = Now.AddSeconds(10),
        Steps = [new JobStep("write-image", 1, Now.AddSeconds(2), Now.AddSeconds(10), "Chunk 17 of the source differs from the signed index. Upload the image again.")],
    };

    public static readonly Runner Ready = new(
        "019bc14e-0000-7000-8000-0000000000a1", "kvm1", RunnerState.Ready, Now.AddHours(-3), Cause: null, Node: "r12", "10.0.0.112", "0.1.0", Now.AddDays(-2), Now.AddSeconds(-4),
        new RunnerCapacity(32, 128 << 10, 900L << 30, 512L << 30, "kvm", "podman 5.4.2", ["baremetal", "lan"]), new RunnerUse(3, 6, 24 << 10),
        [new PreflightCheck("kvm", true, "/dev/kvm makes VMs.")]);

    public static readonly Runner NotReady = Ready with
    {
        Name = "kvm2",
        State = RunnerState.NotReady,
        Cause = "tun: There is no /dev/net/tun.",
        Node = null,
        Address = null,
        Capacity = null,
        Used = new RunnerUse(0, 0, 0),
        Preflight = [new PreflightCheck("kvm", true, "/dev/kvm makes VMs."), new PreflightCheck("tun", false, "There is no /dev/net/tun.", "modprobe tun")],
    };

    public static readonly Vm Web = new(
        "019bc14e-0000-7000-8000-0000000000b1", "web", "kvm1", VmState.Running, Now.AddMinutes(-5), VmTarget.Running,
        new CreateVm("web", "registry.example/team/web:1", 2048, 2, [new PublishedPort(8080, 80), new PublishedPort(5353, 53, "fd00::1", "udp")], SshKeys: ["k"]), HasUserData: true, Now.AddHours(-1),
        ImageDigest: $"sha256:{new string('a', 64)}", Address: "10.88.0.7", Mac: "52:54:00:aa:bb:01", Accelerator: "tcg");

    public static readonly Vm Broken = Web with
    {
        Id = "019bc14e-0000-7000-8000-0000000000b2",
        Name = "db",
        State = VmState.Failed,
        Cause = "The image has two disks.",
        Spec = new CreateVm("db", "debian-12"),
        Address = null,
    };

    /// <summary>A deploy as its events tell it: one step, written in two pieces.</summary>
    public static readonly Event[] DeployEvents =
    [
        new(1, EventKinds.JobStarted, Now, "r7", JobId, Text: "deploy debian-12:1"),
        new(2, EventKinds.StepStarted, Now.AddSeconds(1), "r7", JobId, "prepare"),
        new(3, EventKinds.StepEnded, Now.AddSeconds(1.5), "r7", JobId, "prepare"),
        new(4, EventKinds.StepStarted, Now.AddSeconds(2), "r7", JobId, "write-image"),
        new(0, EventKinds.Progress, Now.AddSeconds(12), "r7", JobId, "write-image", Progress: new Progress(2L << 30, 8L << 30, 100L << 20, 200L << 20)),
        new(0, EventKinds.Progress, Now.AddSeconds(32), "r7", JobId, "write-image", Progress: new Progress(6L << 30, 8L << 30, 300L << 20, 200L << 20)),
        new(5, EventKinds.StepEnded, Now.AddSeconds(44), "r7", JobId, "write-image"),
        new(6, EventKinds.JobFinished, Now.AddSeconds(95), "r7", JobId, Text: "done"),
    ];
}
