using Baremetal.Api;
using Baremetal.Trust;

namespace Baremetal.Conductor.Runners;

/// <summary>How an image of a VM is named: <c>NAME[:VERSION]</c> of the conductor's own catalogue, or as registries have it.</summary>
internal static class ImageReference
{
    public const string Forms = "Give NAME[:VERSION] of an image of this conductor, or one of a registry, such as registry.example/team/web:1 or registry.example/team/web@sha256:….";

    public static bool IsValid(string? reference) =>
        reference is not null && (IsOfCatalogue(reference) || RegistryReference.IsValid(reference));

    /// <summary>Whether it is one of the conductor's own.</summary>
    public static bool IsOfCatalogue(string reference) =>
        reference.Split(':') is [var name] ? ImageName.IsValid(name) : reference.Split(':') is [var named, var version] && ImageName.IsValid(named) && ImageName.IsValid(version);
}
