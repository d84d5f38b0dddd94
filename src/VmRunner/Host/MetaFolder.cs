using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Baremetal.Api;

namespace Baremetal.VmRunner.Host;

/// <summary>What a guest is told by its supervisor, which serves it at 169.254.169.254: the files of <c>/meta</c>.</summary>
internal static class MetaFolder
{
    public static void Write(string folder, VmOrder order)
    {
        var meta = new GuestMeta(order.Id, order.Spec.HostName ?? order.Spec.Name, order.Spec.SshKeys ?? []);
        StateFolder.Write(Path.Combine(folder, "meta.json"), JsonSerializer.Serialize(meta, MetaFolderJson.Default.GuestMeta));
        var userData = Path.Combine(folder, "user-data");
        if (order.Spec.UserData is not { } text)
            File.Delete(userData);
        else if (Encoding.UTF8.GetByteCount(text) <= CreateVm.MostUserDataBytes)
            StateFolder.Write(userData, text);
        else
            throw new VmRefusedException(new Trust.Rejection($"The VM's user data is longer than {CreateVm.MostUserDataBytes} bytes."));
    }
}

internal sealed record GuestMeta(string InstanceId, string Hostname, IReadOnlyList<string> PublicKeys);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(GuestMeta))]
internal sealed partial class MetaFolderJson : JsonSerializerContext;
