using System.Text;
using System.Text.Json;
using Baremetal.Api;
using Baremetal.VmRunner.Supervisor.Metadata;

namespace Baremetal.VmRunner.Host;

/// <summary>What a guest is told by its supervisor, which serves it at 169.254.169.254: the files of <see cref="MetaFile"/>.</summary>
internal static class MetaFolder
{
    public static void Write(string folder, VmOrder order)
    {
        var meta = new MetaFile(order.Id, order.Spec.HostName ?? order.Spec.Name, order.Spec.SshKeys ?? []);
        StateFolder.Write(Path.Combine(folder, "meta.json"), JsonSerializer.Serialize(meta, MetaJson.Default.MetaFile));
        var userData = Path.Combine(folder, "user-data");
        if (order.Spec.UserData is not { } text)
            File.Delete(userData);
        else if (Encoding.UTF8.GetByteCount(text) <= CreateVm.MostUserDataBytes)
            StateFolder.Write(userData, text);
        else
            throw new VmRefusedException(new Trust.Rejection($"The VM's user data is longer than {CreateVm.MostUserDataBytes} bytes."));
    }
}
