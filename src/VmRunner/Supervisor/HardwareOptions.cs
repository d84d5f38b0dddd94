using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Baremetal.VmRunner.Supervisor;

/// <summary>
/// What RancherVM's images and users say in QEMU's words, understood rather than passed on: <c>KVM_BLK_OPTS</c>, <c>KVM_NET_OPTS</c> and the
/// container's arguments. Whatever is not in these tables is refused by name.
/// </summary>
internal static class HardwareOptions
{
    // Where QEMU's names changed since RancherVM, the old ones are understood still.
    private static readonly Dictionary<string, string> _diskModels = new(StringComparer.Ordinal)
    {
        ["virtio-blk-pci"] = GuestDisk.Virtio,
        ["virtio-blk"] = GuestDisk.Virtio,
        ["ide-hd"] = GuestDisk.Ide,
        ["ide-drive"] = GuestDisk.Ide,
        ["scsi-hd"] = GuestDisk.Scsi,
        ["scsi-disk"] = GuestDisk.Scsi,
    };

    private static readonly Dictionary<string, string> _diskInterfaces = new(StringComparer.Ordinal)
    {
        ["virtio"] = GuestDisk.Virtio,
        ["ide"] = GuestDisk.Ide,
        ["scsi"] = GuestDisk.Scsi,
    };

    private static readonly Dictionary<string, string> _cards = new(StringComparer.Ordinal)
    {
        ["virtio-net-pci"] = GuestCard.Virtio,
        ["virtio-net"] = GuestCard.Virtio,
        ["e1000"] = "e1000",
        ["rtl8139"] = "rtl8139",
        ["pcnet"] = "pcnet",
        ["ne2k_pci"] = "ne2k_pci",
        ["vmxnet3"] = "vmxnet3",
    };

    private static readonly string[] _cacheModes = ["writeback", "none", "writethrough", "directsync", "unsafe"];

    // The disk that the guest sees is ours and always qcow2: what is said of its format, its name or its place in the boot order changes nothing.
    private static readonly string[] _driveKeys = ["file", "if", "id", "format", "cache", "media", "index"];
    private static readonly string[] _diskKeys = ["drive", "id", "bus", "addr", "bootindex", "scsi"];
    private static readonly string[] _cardKeys = ["netdev", "mac", "id", "bus", "addr", "bootindex"];
    private static readonly string[] _netdevKeys = ["br", "id"];

    public static bool TryReadDisk(string text, [NotNullWhen(true)] out GuestDisk? disk, [NotNullWhen(false)] out string? refusal)
    {
        disk = null;
        if (!OptionWords.TryRead(text, out var options, out refusal))
            return false;
        var (model, cache, slot, drives) = ((string?)null, "writeback", (int?)null, 0);
        foreach (var option in options)
        {
            switch (option)
            {
                case { Name: "-hda", Value: { } file }:
                    if ((refusal = MustBe("KVM_IMAGE", "-hda", file)) is not null)
                        return false;
                    (model, drives) = (GuestDisk.Ide, drives + 1);
                    break;
                case { Name: "-drive", Value: { } value }:
                    if (!TryReadKeys(value, "-drive", null, _driveKeys, out _, out var keys, out refusal) || (refusal = MustBe("KVM_IMAGE", "file", keys.GetValueOrDefault("file"))) is not null)
                        return false;
                    if (keys.TryGetValue("if", out var bus) && bus != "none" && !TryChoose(_diskInterfaces, "if", bus, out model, out refusal))
                        return false;
                    if (keys.TryGetValue("cache", out cache!) && !_cacheModes.Contains(cache, StringComparer.Ordinal))
                        return Refuse(out refusal, $"has cache={cache}; there are {string.Join(", ", _cacheModes)}");
                    if (keys.TryGetValue("media", out var media) && media != "disk")
                        return Refuse(out refusal, $"has media={media}; it is the guest's disk");
                    (cache, drives) = (cache ?? "writeback", drives + 1);
                    break;
                case { Name: "-device", Value: { } value }:
                    if (!TryReadKeys(value, "-device", _diskModels, _diskKeys, out model, out keys, out refusal) || !TryReadSlot(keys, out slot, out refusal))
                        return false;
                    break;
                default:
                    return Refuse(out refusal, $"has {Whole(option)}; a disk is said by -drive, -device and -hda");
            }
        }
        if (drives != 1)
            return Refuse(out refusal, drives == 0 ? "names no disk: file=$KVM_IMAGE is missing" : "names the disk more than once");
        // A drive alone is IDE to QEMU.
        disk = new GuestDisk(model ?? GuestDisk.Ide, cache, model == GuestDisk.Virtio ? slot : null);
        return true;
    }

    public static bool TryReadCard(string text, [NotNullWhen(true)] out GuestCard? card, [NotNullWhen(false)] out string? refusal)
    {
        card = null;
        if (!OptionWords.TryRead(text, out var options, out refusal))
            return false;
        var hasBridge = false;
        foreach (var option in options)
        {
            switch (option)
            {
                case { Name: "-netdev", Value: { } value }:
                    if (!OptionWords.TryReadKeys(value, out var kind, out var keys, out refusal))
                        return false;
                    if (hasBridge || kind != "bridge")
                        return Refuse(out refusal, $"has -netdev {value}; the guest has one card, on 'bridge'");
                    if ((refusal = Unknown("-netdev", keys, _netdevKeys) ?? MustBe("BRIDGE_IFACE", "br", keys.GetValueOrDefault("br"))) is not null)
                        return false;
                    hasBridge = true;
                    break;
                case { Name: "-device", Value: { } value }:
                    if (card is not null)
                        return Refuse(out refusal, "has two cards; the guest has one");
                    if (!TryReadKeys(value, "-device", _cards, _cardKeys, out var model, out keys, out refusal)
                        || (refusal = MustBe("MAC", "mac", keys.GetValueOrDefault("mac"))) is not null
                        || !TryReadSlot(keys, out var slot, out refusal))
                        return false;
                    card = new GuestCard(model!, slot);
                    break;
                default:
                    return Refuse(out refusal, $"has {Whole(option)}; a card is said by -netdev and -device");
            }
        }
        return hasBridge && card is not null || Refuse(out refusal, "needs -netdev bridge,br=$BRIDGE_IFACE,id=ID and -device MODEL,netdev=ID,mac=$MAC");
    }

    public static bool TryReadExtras(IReadOnlyList<string> arguments, [NotNullWhen(true)] out GuestExtras? extras, [NotNullWhen(false)] out string? refusal)
    {
        extras = null;
        if (!OptionWords.TryRead(string.Join(' ', arguments), out var options, out refusal))
            return false;
        var read = new GuestExtras();
        foreach (var option in options)
        {
            switch (option)
            {
                case { Name: "-m" or "-smp" }:
                    return Refuse(out refusal, $"has {Whole(option)}; memory and processors are set by MEMORY_MB and CPUS, which the container is measured by");
                // Memory is never locked; QEMU has forgotten the word.
                case { Name: "-realtime", Value: "mlock=off" } or { Name: "-usb", Value: null }:
                    break;
                case { Name: "-usbdevice", Value: "tablet" }:
                    read = read with { HasTablet = true };
                    break;
                case { Name: "-rtc", Value: "base=utc" or "base=localtime" }:
                    read = read with { ClockIsLocal = option.Value == "base=localtime" };
                    break;
                case { Name: "-boot", Value: { } order } when order.StartsWith("order=", StringComparison.Ordinal) && IsBootOrder(order["order=".Length..]):
                    read = read with { BootOrder = order["order=".Length..] };
                    break;
                default:
                    return Refuse(out refusal, $"has {Whole(option)}; there are -boot order=acd, -rtc base=utc or localtime, -usbdevice tablet, -realtime mlock=off");
            }
        }
        extras = read;
        return true;
    }

    private static bool IsBootOrder(string order) => order.Length is > 0 and <= 3 && order.All("acd".Contains) && order.Distinct().Count() == order.Length;

    private static bool TryReadKeys(
        string value, string option, Dictionary<string, string>? models, string[] known, out string? model, [NotNullWhen(true)] out IReadOnlyDictionary<string, string>? keys, [NotNullWhen(false)] out string? refusal)
    {
        model = null;
        if (!OptionWords.TryReadKeys(value, out var named, out keys, out refusal))
            return false;
        if (models is null && named is not null)
            return Refuse(out refusal, $"has '{named}' where KEY=VALUE should stand");
        if (models is not null && !TryChoose(models, option, named ?? "", out model, out refusal))
            return false;
        refusal = Unknown(option, keys, known);
        return refusal is null;
    }

    private static bool TryChoose(Dictionary<string, string> table, string key, string value, [NotNullWhen(true)] out string? chosen, [NotNullWhen(false)] out string? refusal)
    {
        refusal = table.TryGetValue(value, out chosen) ? null : $"has {key} '{value}'; there are {string.Join(", ", table.Keys)}";
        return refusal is null;
    }

    // QEMU's slot of the first bus: 0x3 to 0x1f. What the machine itself has lies below.
    private static bool TryReadSlot(IReadOnlyDictionary<string, string> keys, out int? slot, [NotNullWhen(false)] out string? refusal)
    {
        (slot, refusal) = (null, null);
        if (!keys.TryGetValue("addr", out var text))
            return true;
        var digits = text.StartsWith("0x", StringComparison.Ordinal) ? text.AsSpan(2) : text;
        if (!int.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var number) || number is < 3 or > 0x1f)
            return Refuse(out refusal, $"has addr={text}; a slot is 0x3 to 0x1f");
        slot = number;
        return true;
    }

    private static string? Unknown(string option, IReadOnlyDictionary<string, string> keys, string[] known) =>
        keys.Keys.FirstOrDefault(key => !known.Contains(key, StringComparer.Ordinal)) is { } stranger ? $"has '{stranger}' in {option}; there are {string.Join(", ", known)}" : null;

    private static string? MustBe(string placeholder, string key, string? value) =>
        value is not null && OptionWords.Placeholder(value) == placeholder ? null : $"has {key} {(value is null ? "nowhere" : $"'{value}'")}; it must be ${placeholder}";

    private static string Whole(OptionWord option) => option.Value is null ? option.Name : $"{option.Name} {option.Value}";

    private static bool Refuse(out string refusal, string why)
    {
        refusal = why;
        return false;
    }
}
