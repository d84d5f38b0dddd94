using System.CommandLine;
using Baremetal.Api;
using Baremetal.Cli.Display;

namespace Baremetal.Cli.VmImages;

/// <summary><c>conductor vm-image …</c>: what VMs are made of.</summary>
internal static class VmImageCommands
{
    public static Verb Build()
    {
        var image = Name();
        return new Verb(
            "build",
            "Makes an image of the catalogue one that VMs can be made of: an OCI image with the same disk, which runners fetch from the conductor. It takes no room beside it.",
            "conductor vm-image build debian-12",
            async (call, cancel) =>
            {
                using var conductor = call.Connect();
                call.Show(await conductor.BuildVmImageAsync(call.Require(image), cancel), CliJson.Api.VmImage, Built);
                return ExitCodes.Done;
            })
        {
            image,
        };
    }

    public static Verb List() => new(
        "list",
        "Shows the images that VMs can be made of.",
        "conductor vm-image list",
        async (call, cancel) =>
        {
            using var conductor = call.Connect();
            var images = await conductor.ListVmImagesAsync(cancel).ToArrayAsync(cancel);
            call.Show(new Page<VmImage>(images, null), CliJson.Api.PageVmImage, (screen, page) => Listed(screen, page.Items, call.Now));
            return ExitCodes.Done;
        });

    public static Verb Remove()
    {
        var image = Name();
        return new Verb(
            "remove",
            "Takes an image from those that VMs can be made of. VMs that run stay; the image for servers stays too.",
            "conductor vm-image remove debian-12:1",
            async (call, cancel) =>
            {
                using var conductor = call.Connect();
                await conductor.RemoveVmImageAsync(call.Require(image), cancel);
                if (!call.WantsJson)
                    call.Out.Line($"No VM is made of {call.Require(image)} any more; those that there are stay.");
                return ExitCodes.Done;
            })
        {
            image,
        };
    }

    private static void Built(Screen screen, VmImage image)
    {
        screen.Line($"VMs can be made of {image.Image}, {Units.Bytes(image.SizeBytes)}, {image.Digest}.");
        screen.Line($"Next: conductor vm create NAME --runner RUNNER --image {image.Image}");
    }

    private static void Listed(Screen screen, VmImage[] images, DateTimeOffset now)
    {
        if (images.Length == 0)
        {
            screen.Line("VMs can be made of no image yet. 'conductor vm-image build IMAGE' makes one of the catalogue so.");
            return;
        }
        var table = new Table("IMAGE", "SIZE", "BUILT", "DIGEST");
        foreach (var image in images)
            table.Add(image.Image, Units.Bytes(image.SizeBytes), Units.Age(now - image.BuiltAt), image.Digest);
        table.Write(screen);
    }

    private static Argument<string> Name() => new("IMAGE") { Description = "NAME or NAME:VERSION, as 'conductor image list' shows it." };
}
