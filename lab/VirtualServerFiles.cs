namespace Baremetal.Lab;

/// <summary>What a virtual server keeps in its folder.</summary>
internal sealed record VirtualServerFiles(string Folder)
{
    public string SerialLog => Path.Combine(Folder, "serial.log");

    public string EventLog => Path.Combine(Folder, "events.log");

    public string QemuLog => Path.Combine(Folder, "qemu.log");

    public string ProcessorLog => Path.Combine(Folder, VirtualServer.ProcessorLogName);

    public string SerialSocket => Path.Combine(Folder, "serial.sock");

    public string MonitorSocket => Path.Combine(Folder, "monitor.sock");

    public string FirmwareVariables => Path.Combine(Folder, "variables.fd");

    public string Disk(int index) => Path.Combine(Folder, $"disk{index}.raw");

    public string DiskSocket(int index) => Path.Combine(Folder, $"disk{index}.sock");

    /// <summary>Makes the folder with sparse disks and firmware variables as from the factory.</summary>
    public void Create(VirtualServerSpec spec)
    {
        Directory.CreateDirectory(Folder);
        foreach (var (index, disk) in spec.Disks.Index())
        {
            using var file = new FileStream(Disk(index), FileMode.CreateNew);
            file.SetLength(disk.SizeBytes);
        }
        if (spec.Firmware == Api.FirmwareMode.Uefi)
            File.Copy(QemuCommand.PristineFirmwareVariables, FirmwareVariables);
    }
}
