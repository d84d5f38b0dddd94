using Baremetal.VmRunner.Supervisor;

namespace Baremetal.VmRunner.Tests.Supervisor;

public sealed class VmSettingsTests
{
    [Fact]
    public void Read_Nothing_IsASmallMachineOfVirtioDevices()
    {
        var settings = Read([]);

        Assert.Equal((512, 1, new GuestDisk(), new GuestCard(), new GuestExtras()), (settings.MemoryMb, settings.Processors, settings.Disk, settings.Card, settings.Extras));
        Assert.True(settings.GivesAddress);
    }

    [Theory]
    [InlineData("MEMORY_MB", "64g", "MEMORY_MB is '64g'; it is a whole number from 16 to 16777216.")]
    [InlineData("MEMORY_MB", "-1", "MEMORY_MB is '-1'; it is a whole number from 16 to 16777216.")]
    [InlineData("CPUS", "0", "CPUS is '0'; it is a whole number from 1 to 255.")]
    [InlineData("VM_ACCELERATOR", "kvm,tcg", "VM_ACCELERATOR is 'kvm,tcg'; there are kvm and tcg.")]
    [InlineData("KVM_BLK_OPTS", "-hda /etc/shadow", "KVM_BLK_OPTS has -hda '/etc/shadow'; it must be $KVM_IMAGE.")]
    [InlineData("KVM_NET_OPTS", "-net none", "KVM_NET_OPTS has -net none; a card is said by -netdev and -device.")]
    public void Read_WhatIsNotAllowed_EndsTheContainerNamingIt(string name, string value, string why)
    {
        var end = Assert.Throws<SupervisorException>(() => Read([], (name, value)));

        Assert.Equal((ExitCodes.RefusedOption, why), (end.ExitCode, end.Message));
    }

    [Fact]
    public void Read_ArgumentThatIsNotAllowed_EndsTheContainerNamingIt()
    {
        var end = Assert.Throws<SupervisorException>(() => Read(["-m", "1024m", "-smp", "1"]));

        Assert.Equal(ExitCodes.RefusedOption, end.ExitCode);
        Assert.StartsWith("The command line has -m 1024m; ", end.Message, StringComparison.Ordinal);
    }

    private static VmSettings Read(string[] arguments, params (string Name, string Value)[] environment) =>
        VmSettings.Read(environment.ToDictionary(one => one.Name, one => one.Value, StringComparer.Ordinal), arguments);
}
