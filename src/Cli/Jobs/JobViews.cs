using Baremetal.Api;
using Baremetal.Cli.Display;
using Baremetal.Trust;

namespace Baremetal.Cli.Jobs;

/// <summary>Jobs as people read them.</summary>
internal static class JobViews
{
    /// <summary><c>Deploying debian-12 to r7</c></summary>
    public static string Title(Job job) => job.Kind switch
    {
        JobKind.Deploy => $"Deploying {job.Deployment?.Image} to {job.NodeName}",
        JobKind.Clean => $"Erasing {(job.Cleaning is { Disks: { } disks } ? string.Join(", ", disks) : "the disks")} of {job.NodeName} ({string.Join(", else ", (job.Cleaning?.Fallback ?? []).Prepend(job.Cleaning?.Depth ?? default).Select(Word<CleanDepth>.Of))})",
        JobKind.Rescue => $"Rescuing {job.NodeName}",
        _ => $"Inspecting {job.NodeName}",
    };

    public static void List(Screen screen, Job[] jobs, DateTimeOffset now, bool isFiltered)
    {
        if (jobs.Length == 0)
        {
            screen.Line(isFiltered ? "There are no such jobs; 'conductor job list' shows all." : "There are no jobs. 'conductor node inspect' and 'conductor deploy' start them.");
            return;
        }
        var table = new Table("JOB", "NODE", "KIND", "AGE", "STATE");
        foreach (var job in jobs)
            table.Add(job.Id, job.NodeName, Word<JobKind>.Of(job.Kind), Units.Age(now - job.Created), StateOf(job));
        table.Write(screen);
    }

    public static void Show(Screen screen, Job job, DateTimeOffset now)
    {
        var sheet = new Sheet();
        sheet.Add("Job", job.Id);
        sheet.Add("Does", Title(job));
        sheet.Add("State", StateOf(job).Text, StateOf(job).Tone);
        sheet.Add("Waits for", job.WaitingFor);
        sheet.Add("Node", $"{job.NodeName} ({job.Node})");
        sheet.Add("Started", Units.Time(job.Created));
        sheet.Add("Ended", job.Finished is { } finished ? $"{Units.Time(finished)}, after {Units.Duration(finished - job.Created)}" : null);
        if (job.Deployment is { } deployment)
        {
            sheet.Add("Image", deployment.Image);
            sheet.Add("Manifest", deployment.ManifestSha256);
            sheet.Add("Disk", deployment.TargetDisk);
            sheet.Add("Hostname", deployment.Hostname);
            AddConfigDrives(sheet, deployment);
        }
        sheet.Add("Host key", job.Rescue?.HostKey is { } host ? $"{host.PublicKey.Split(' ')[0]} {host.Fingerprint}" : null);
        sheet.Add("Cost", job.Result is { } result ? Cost(result) : null);
        foreach (var dropped in job.Result?.DroppedSources ?? [])
            sheet.Add("Dropped", dropped, Tone.Bad);
        sheet.Add("Agent", job.Result is { } measured ? $"{Units.Bytes(measured.PeakMemoryBytes)} of memory at most" : null);
        sheet.Write(screen);
        Erased(screen, job);
        if (job.Steps.Length == 0)
            return;

        screen.Line();
        var steps = new Table("STEP", "ATTEMPT", "STARTED", "TOOK", "CAUSE");
        foreach (var step in job.Steps)
        {
            var took = Units.Duration((step.Ended ?? now) - step.Started);
            steps.Add(step.Name, $"{step.Attempt}", Units.Time(step.Started), step.Ended is null ? new Run(took, Tone.Busy) : took, new Run(step.Cause ?? "", Tone.Bad));
        }
        steps.Write(screen);
    }

    public static void Log(Screen screen, JobLog log)
    {
        foreach (var boot in log.Boots)
        {
            screen.Line($"==== boot {boot.BootId}, told {Units.Time(boot.At)} ====");
            foreach (var line in boot.Text.TrimEnd('\n').Split('\n'))
                screen.Line(line);
        }
    }

    public static void Started(Screen screen, Job job)
    {
        screen.Line($"{Title(job)}.");
        screen.Line($"Follow it: conductor job watch {job.Id}");
    }

    public static void Stopped(Screen screen, Job job) => screen.Line(job.Outcome is null
        ? $"{Title(job)} is being stopped. Follow it: conductor job watch {job.Id}"
        : $"{Title(job)} is stopped.");

    /// <summary>What becomes of config drives of an earlier life.</summary>
    public static void AddConfigDrives(Sheet sheet, Deployment? deployment)
    {
        foreach (var (disk, removed) in deployment?.StaleConfigDrives ?? [])
        {
            sheet.Add(removed ? "Removes" : "Beware", $"the config drive {string.Join(", ", disk.ConfigDrives ?? [])} of disk {disk.Name} (serial {disk.Serial ?? "unknown"}){(removed ? "" : ", which cloud-init may read")}",
                removed ? Tone.Plain : Tone.Bad);
        }
    }

    /// <summary>The last line of a job that went well; of another, <see cref="WhyEnded"/> says why.</summary>
    public static void Ended(Screen screen, Job job)
    {
        if (job.Outcome != JobOutcome.Done)
            return;
        var took = Units.Duration((job.Finished ?? job.Created) - job.Created);
        if (job.Kind == JobKind.Inspect)
        {
            screen.Line(new Run("Done", Tone.Good), $" in {took}: 'conductor node show {job.NodeName}' has the inventory of {job.NodeName}.");
            return;
        }
        if (job.Kind == JobKind.Clean)
        {
            screen.Line(new Run("Done", Tone.Good), $" in {took}: {job.NodeName} is available.");
            Erased(screen, job);
            return;
        }
        if (job.Kind == JobKind.Rescue)
        {
            screen.Line(new Run("Done", Tone.Good), $" after {took}: {job.NodeName} restarts from its disk.");
            return;
        }
        screen.Line(new Run("Done", Tone.Good), $" in {took}: {job.NodeName} runs {job.Deployment?.Image}.");
        if (job.Result is not { } result)
            return;
        screen.Line($"{Cost(result)}.");
        foreach (var dropped in result.DroppedSources ?? [])
            screen.Line($"Source dropped: {dropped}");
    }

    public static Rejection WhyEnded(Job job) => job.Outcome == JobOutcome.Aborted
        ? new Rejection($"{Title(job)} was aborted at {job.Step}.", $"'conductor job show {job.Id}' shows how far it came.")
        : new Rejection($"{Title(job)} failed at {At(job)}: {job.Cause ?? "the conductor gives no cause."}", $"'conductor job show {job.Id}' shows every step; when the cause is gone, order it again.");

    // What was not erased is as much of the answer as what was.
    private static void Erased(Screen screen, Job job)
    {
        if (job.Cleaning?.Report is not { } report)
            return;
        screen.Line();
        var table = new Table("DISK", "SIZE", "ERASED", "BY", "FAILED", "SAMPLES", "SERIAL", "WHY NOT");
        foreach (var disk in report)
        {
            table.Add(disk.Name, Units.Bytes(disk.SizeBytes), Units.Bytes(disk.ErasedBytes), disk.Method ?? "", disk.FailedBytes == 0 ? "0" : new Run(Units.Bytes(disk.FailedBytes), Tone.Bad), $"{disk.Samples}", disk.Serial, disk.Failure is { } failure ? new Run(failure, Tone.Bad) : disk.FellBack is { } fellBack ? $"not by {fellBack}" : "");
        }
        table.Write(screen);
    }

    // The word is what the documentation has a line for.
    private static string At(Job job) => job.FailureCode is { } code ? $"{job.Step} ({code})" : job.Step;

    private static Run StateOf(Job job) => job.Outcome switch
    {
        null => new Run(job.Attempt > 1 ? $"{job.Step} (attempt {job.Attempt})" : job.Step, Tone.Busy),
        JobOutcome.Done => new Run("done", Tone.Good),
        var outcome => new Run(job.Cause is { } cause ? $"{Word<JobOutcome>.Of(outcome.Value)} at {At(job)}: {cause}" : Word<JobOutcome>.Of(outcome.Value), Tone.Bad),
    };

    private static string Cost(WriteResult result)
    {
        var reused = result.ReusedBytes > 0 ? $", {Units.Bytes(result.ReusedBytes)} were there already" : "";
        return $"{Units.Bytes(result.WrittenBytes)} written and {Units.Bytes(result.ZeroedBytes)} zeroed in {Units.Duration(TimeSpan.FromSeconds(result.Seconds))}{reused}, {Units.Bytes(result.WireBytes)} over the network";
    }
}
