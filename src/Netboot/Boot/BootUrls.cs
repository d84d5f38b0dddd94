using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Baremetal.Netboot.Boot;

/// <summary>The addresses under which the HTTP side of a netboot is found; both directions of them, so that they agree.</summary>
/// <param name="httpBase">Such as <c>http://10.0.0.1:8080</c>, without a slash at its end.</param>
public sealed class BootUrls(string httpBase)
{
    public const string ScriptPath = "/boot/script";

    /// <summary>Where UEFI HTTP Boot fetches the loader; the file's name follows.</summary>
    public const string LoaderPath = "/boot/loaders/";

    /// <summary>Where iPXE fetches what this machine shall do.</summary>
    public string Script(Machine machine) =>
        $"{httpBase}{ScriptPath}?mac={machine.Mac}{(machine.Uuid is { } uuid ? $"&uuid={uuid:D}" : "")}&arch={(ushort)machine.Architecture}";

    public string Loader(string file) => httpBase + LoaderPath + file;

    /// <summary>Reads the query of a script's address back. Anybody can send one: every value is parsed, none is passed on as text.</summary>
    public static bool TryReadScriptQuery(
        string? mac, string? uuid, string? arch, [NotNullWhen(true)] out Machine? machine, [NotNullWhen(false)] out string? error)
    {
        machine = null;
        Guid? id = null;
        if (!MacAddress.TryParse(mac, out var address) || !address.IsStation)
            error = "mac must be a hardware address such as 52:54:00:12:34:56";
        else if (uuid is { Length: > 0 } && !(Guid.TryParseExact(uuid, "D", out var parsed) && Keep(parsed, out id)))
            error = "uuid must be a UUID such as 4c4c4544-0042-3510-8052-b4c04f384d31, or be left out";
        else if (!ushort.TryParse(arch, NumberStyles.None, CultureInfo.InvariantCulture, out var architecture))
            error = "arch must be the number of DHCP option 93, such as 7";
        else
        {
            machine = new Machine(address, id, (ClientArchitecture)architecture);
            error = null;
        }
        return machine is not null;

        static bool Keep(Guid parsed, out Guid? id)
        {
            id = parsed;
            return true;
        }
    }
}
