using System.Text;
using Baremetal.Metadata;

namespace Baremetal.VmRunner.Supervisor.Metadata;

/// <summary>
/// What is where, as EC2's service has it (docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html), and OpenStack's
/// (docs.openstack.org/nova/latest/user/metadata.html). A folder answers with what is in it; of EC2's, folders within end in a slash.
/// </summary>
internal sealed class MetadataTree
{
    private const string Latest = "latest";
    private const string OpenStack = "openstack";
    private const string PublicKeys = "latest/meta-data/public-keys";

    // Those that OpenStack knows, whose contents ours are; cloud-init begins with 2009-04-04.
    private static readonly string[] _ec2Versions = ["1.0", "2007-01-19", "2007-03-01", "2007-08-29", "2007-10-10", "2007-12-15", "2008-02-01", "2008-09-01", "2009-04-04", Latest];
    private static readonly string[] _openStackVersions = ["2012-08-10", "2013-04-04", "2013-10-17", "2015-10-15", "2016-06-30", "2016-10-06", "2017-02-22", "2018-08-27", "2020-10-14", Latest];

    private readonly Dictionary<string, HttpResponse> _files = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SortedSet<string>> _folders = new(StringComparer.Ordinal);
    private readonly InstanceMetadata _instance;

    public MetadataTree(GuestMetadata metadata, ContainerLink link)
    {
        _instance = metadata.Instance;
        Add("latest/meta-data/instance-id", _instance.Id);
        Add("latest/meta-data/hostname", _instance.HostName);
        Add("latest/meta-data/local-hostname", _instance.HostName);
        Add("latest/meta-data/local-ipv4", link.Address.ToString());
        Add("latest/meta-data/mac", link.Mac.ToString());
        foreach (var (number, key) in _instance.PublicKeys.Index())
            Add($"{PublicKeys}/{number}/openssh-key", key);
        Add("openstack/latest/meta_data.json", HttpResponse.Ok(_instance.ToOpenStack(), HttpResponse.Json));
        Add("openstack/latest/network_data.json", HttpResponse.Ok(metadata.NetworkData, HttpResponse.Json));
        Add("openstack/latest/vendor_data.json", HttpResponse.Ok(metadata.VendorData, HttpResponse.Json));
        if (metadata.UserData is null)
            return;
        Add("latest/user-data", HttpResponse.Ok(metadata.UserData, HttpResponse.Bytes));
        Add("openstack/latest/user_data", HttpResponse.Ok(metadata.UserData, HttpResponse.Bytes));
    }

    /// <returns>Null where there is nothing.</returns>
    public HttpResponse? Find(string path)
    {
        var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length == 0)
            return List([.. _ec2Versions, OpenStack]);
        if (parts is [OpenStack])
            return List(_openStackVersions);
        // All versions are one.
        if (_ec2Versions.Contains(parts[0], StringComparer.Ordinal))
            parts[0] = Latest;
        else if (parts[0] == OpenStack && _openStackVersions.Contains(parts[1], StringComparer.Ordinal))
            parts[1] = Latest;
        var name = string.Join('/', parts);
        if (_files.TryGetValue(name, out var file))
            return file;
        if (name == PublicKeys && _instance.PublicKeys.Count > 0)
            return List(_instance.PublicKeys.Select((_, number) => $"{number}={InstanceMetadata.KeyName(number)}"));
        return _folders.TryGetValue(name, out var entries) ? List(entries) : null;
    }

    private void Add(string path, string text) => Add(path, HttpResponse.Ok(Encoding.UTF8.GetBytes(text)));

    private void Add(string path, HttpResponse file)
    {
        _files.Add(path, file);
        for (var (child, slash) = (path, path.LastIndexOf('/')); slash > 0; (child, slash) = (path[..slash] + "/", path.LastIndexOf('/', slash - 1)))
        {
            var parent = path[..slash];
            if (!_folders.TryGetValue(parent, out var entries))
                _folders.Add(parent, entries = new SortedSet<string>(StringComparer.Ordinal));
            entries.Add(child[(slash + 1)..]);
        }
    }

    private static HttpResponse List(IEnumerable<string> names) => HttpResponse.Ok(Encoding.ASCII.GetBytes(string.Join('\n', names)));
}
