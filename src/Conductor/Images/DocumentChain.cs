using Baremetal.Trust;

namespace Baremetal.Conductor.Images;

/// <summary>The trust documents of a directory as they were read at one time: each of its <c>*.dsse.json</c>, walked from the oldest on.</summary>
/// <param name="Envelopes">Oldest first; none where the chain does not hold.</param>
/// <param name="Rejection">Why none is in force.</param>
/// <param name="Newest">The path of the one that is in force.</param>
internal sealed record DocumentChain(byte[][] Envelopes, TrustAnchor? Anchor = null, Rejection? Rejection = null, string? Newest = null)
{
    public static FileInfo[] Files(string directory) => Directory.Exists(directory)
        ? [.. new DirectoryInfo(directory).GetFiles("*.dsse.json").OrderBy(file => file.Name, StringComparer.Ordinal)]
        : [];

    public static DocumentChain Read(IEnumerable<FileInfo> files)
    {
        var byVersion = new SortedDictionary<long, (FileInfo File, byte[] Envelope)>();
        foreach (var file in files)
        {
            var envelope = File.ReadAllBytes(file.FullName);
            // Only to order them: the walk below checks what each says of itself.
            if (!Envelope.TryRead(envelope, out _, out var payload, out var unreadable) || !TrustDocument.TryParse(payload, out var document, out unreadable))
                return Refused(new Rejection($"{file.FullName}: {unreadable}", "Remove the file, or replace it with the signed document."));
            if (!byVersion.TryAdd(document.Version, (file, envelope)))
                return Refused(new Rejection($"{file.Name} and {byVersion[document.Version].File.Name} in {file.DirectoryName} are both version {document.Version} of the trust document.", "Keep the one that was signed last for this conductor."));
        }
        TrustAnchor? anchor = null;
        foreach (var (file, envelope) in byVersion.Values)
        {
            if (!(anchor is null ? TrustAnchor.TryPin(envelope, out var next, out var rejection) : anchor.TryAdvance(envelope, out next, out rejection)))
                return Refused(new Rejection($"The trust documents in {file.DirectoryName} do not follow from each other, at {file.Name}: {rejection.Cause}", rejection.Remedy));
            anchor = next;
        }
        return new DocumentChain([.. byVersion.Values.Select(one => one.Envelope)], anchor, null, byVersion.Values.LastOrDefault().File?.FullName);
    }

    private static DocumentChain Refused(Rejection why) => new([], null, why);
}
