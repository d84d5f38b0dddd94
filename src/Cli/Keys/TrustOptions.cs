using System.CommandLine;
using System.Globalization;
using Baremetal.Trust;

namespace Baremetal.Cli.Keys;

/// <summary>The changes of <c>conductor key trust</c> as they are typed: each an option, any number of them at once.</summary>
internal sealed class TrustOptions
{
    public Option<string[]> Add { get; } = new("--add")
    {
        HelpName = "root|image|conductor=FILE",
        Description = "Trusts a public key (.pub) with this role. A conductor's is its order.pub, for agents that see the CA of --ca. An image key signs every name if --names does not say which.",
    };

    public Option<string[]> Remove { get; } = new("--remove")
    {
        HelpName = "root|image|conductor=KEY",
        Description = "Trusts a key with this role no longer: its id or the beginning of it, or its .pub file.",
    };

    public Option<string[]> Threshold { get; } = new("--threshold") { HelpName = "root|image=N", Description = "How many keys of this role have to sign." };

    public Option<string[]> Names { get; } = new("--names")
    {
        HelpName = "KEY=GLOB,…",
        Description = "The names of the images that an image key may sign, with * and ?; KEY as in --remove.",
    };

    public Option<string[]> MinRelease { get; } = new("--min-release") { HelpName = "NAME=N", Description = "The least release of an image that may be written from now on." };

    public Option<string> Expires { get; } = new("--expires") { HelpName = "TIME", Description = "Until when the next version holds; else as long as the one before." };

    public TrustChanges Read(Invocation call, TrustDocument document)
    {
        var add = Given(call, Add).Select(AddedKey).ToArray();
        var ca = call.Global(GlobalOptions.Ca);
        var conductor = add.Any(added => added.Role == TrustRole.Conductor);
        if (conductor && ca is null)
            throw Failure.WrongUsage("--add conductor needs --ca.", "Give the CA certificate of the same conductor; ca.pem lies in its state directory.");
        var changes = new TrustChanges
        {
            Add = add,
            Remove = [.. Given(call, Remove).Select(given => RemovedKey(given, document))],
            Thresholds = Once("--threshold", Given(call, Threshold).Select(ThresholdOf)),
            Names = Once("--names", Given(call, Names).Select(given => NamesOf(given, document, add))),
            MinRelease = Once("--min-release", Given(call, MinRelease).Select(LeastRelease)),
            Expires = call.Get(Expires) is { } expires ? Moment.Parse(expires, "--expires", call.Now) : null,
            ConductorCaSha256 = conductor ? CaFile.DigestOf(ca!) : null,
        };
        return changes is { Add: [], Remove: [], Thresholds.Count: 0, Names.Count: 0, MinRelease.Count: 0, Expires: null }
            ? throw Failure.WrongUsage("The next version would say the same.", "Give what changes: --add, --remove, --threshold, --names, --min-release or --expires.")
            : changes;
    }

    private static string[] Given(Invocation call, Option<string[]> option) => call.Get(option) ?? [];

    private static (TrustRole Role, PublicKey Key) AddedKey(string given)
    {
        var (role, file) = RoleAnd("--add", given, "FILE");
        return PublicKey.TryLoad(file, out var key, out var rejection)
            ? (role, key)
            : throw new Failure(File.Exists(file) ? ExitCodes.Refused : ExitCodes.NotFound, rejection);
    }

    private static (TrustRole Role, Digest KeyId) RemovedKey(string given, TrustDocument document)
    {
        var (role, key) = RoleAnd("--remove", given, "KEY");
        return (role, KeyReference.Find(key, document.Roles.Of(role).Keyids, $"{role.Word()} key", document.Version));
    }

    private static KeyValuePair<TrustRole, int> ThresholdOf(string given)
    {
        var (role, number) = RoleAnd("--threshold", given, "N");
        // One conductor signs an order at a time: more would stop every deploy.
        return role != TrustRole.Conductor && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var threshold) && threshold > 0
            ? new(role, threshold)
            : throw Failure.WrongUsage($"--threshold '{given}' is not known.", "Give root=N or image=N, with N from 1 to the number of such keys.");
    }

    private static KeyValuePair<Digest, string[]> NamesOf(string given, TrustDocument document, IEnumerable<(TrustRole Role, PublicKey Key)> added)
    {
        // A file's name may hold an equals sign; no glob does.
        var globs = given[(given.LastIndexOf('=') + 1)..].Split(',');
        if (given.LastIndexOf('=') < 1 || !globs.All(glob => ImageName.IsValid(glob.Replace('*', 'x').Replace('?', 'x'))))
            throw Failure.WrongUsage($"--names '{given}' is not KEY=GLOB,….", "Globs are image names with * and ?, such as debian-*,ubuntu-24.04.");
        var signers = document.Roles.Image.Keyids.Union(added.Where(one => one.Role == TrustRole.Image).Select(one => one.Key.KeyId));
        return new(KeyReference.Find(given[..given.LastIndexOf('=')], signers, "image key", document.Version), globs);
    }

    private static KeyValuePair<string, ulong> LeastRelease(string given) =>
        given.Split('=') is [var name, var number] && ImageName.IsValid(name) && ulong.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var least)
            ? new(name, least)
            : throw Failure.WrongUsage($"--min-release '{given}' is not NAME=N.", "Give an image's name and its least release, such as debian-12=7.");

    private static (TrustRole Role, string Value) RoleAnd(string option, string given, string what) => given.Split('=', 2) switch
    {
        ["root", { Length: > 0 } value] => (TrustRole.Root, value),
        ["image", { Length: > 0 } value] => (TrustRole.Image, value),
        ["conductor", { Length: > 0 } value] => (TrustRole.Conductor, value),
        _ => throw Failure.WrongUsage($"{option} '{given}' is not ROLE={what}.", "The roles are root, image and conductor."),
    };

    private static Dictionary<TKey, TValue> Once<TKey, TValue>(string option, IEnumerable<KeyValuePair<TKey, TValue>> given) where TKey : notnull
    {
        var once = new Dictionary<TKey, TValue>();
        foreach (var (key, value) in given)
        {
            if (!once.TryAdd(key, value))
                throw Failure.WrongUsage($"{option} is given twice for {(key is TrustRole role ? role.Word() : key)}.", "Give it once for each.");
        }
        return once;
    }
}
