using System.Data;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Baremetal.Api;
using Baremetal.Trust;
using Dapper;

namespace Baremetal.Conductor.Database;

/// <summary>How values lie in columns, alike in every engine: times as unix milliseconds, digests as hex, records as JSON, enums as their names.</summary>
internal static class Columns
{
    public static void Register()
    {
        DefaultTypeMap.MatchNamesWithUnderscores = true;
        SqlMapper.RemoveTypeMap(typeof(DateTimeOffset));
        SqlMapper.RemoveTypeMap(typeof(DateTimeOffset?));
        SqlMapper.AddTypeHandler(new TimeColumn());
        SqlMapper.AddTypeHandler(new DigestColumn());
        SqlMapper.AddTypeHandler(new JsonColumn<Inventory>(ApiJson.Default.Inventory));
        SqlMapper.AddTypeHandler(new JsonColumn<DeployNode>(ApiJson.Default.DeployNode));
        SqlMapper.AddTypeHandler(new JsonColumn<WriteResult>(ApiJson.Default.WriteResult));
        SqlMapper.AddTypeHandler(new JsonColumn<Disk>(ApiJson.Default.Disk));
        SqlMapper.AddTypeHandler(new JsonColumn<CleanNode>(ApiJson.Default.CleanNode));
        SqlMapper.AddTypeHandler(new JsonColumn<NodeNetwork>(ApiJson.Default.NodeNetwork));
        SqlMapper.AddTypeHandler(new JsonColumn<Disk[]>(ApiJson.Default.DiskArray));
        SqlMapper.AddTypeHandler(new JsonColumn<RescueNode>(ApiJson.Default.RescueNode));
        SqlMapper.AddTypeHandler(new JsonColumn<SshHostKey[]>(ApiJson.Default.SshHostKeyArray));
        SqlMapper.AddTypeHandler(new JsonColumn<StaleConfigDrive[]>(ApiJson.Default.StaleConfigDriveArray));
        SqlMapper.AddTypeHandler(new JsonColumn<ErasedDisk[]>(ApiJson.Default.ErasedDiskArray));
        SqlMapper.AddTypeHandler(new JsonColumn<RunnerCapacity>(ApiJson.Default.RunnerCapacity));
        SqlMapper.AddTypeHandler(new JsonColumn<PreflightCheck[]>(ApiJson.Default.PreflightCheckArray));
        SqlMapper.AddTypeHandler(new JsonColumn<CreateVm>(ApiJson.Default.CreateVm));
    }
}

file sealed class TimeColumn : SqlMapper.TypeHandler<DateTimeOffset>
{
    public override DateTimeOffset Parse(object value) => DateTimeOffset.FromUnixTimeMilliseconds((long)value);

    public override void SetValue(IDbDataParameter parameter, DateTimeOffset value) => parameter.Value = value.ToUnixTimeMilliseconds();
}

file sealed class DigestColumn : SqlMapper.TypeHandler<Digest>
{
    public override Digest Parse(object value) =>
        Digest.TryParse((string)value, out var digest) ? digest : throw new DataException($"'{value}' is not a SHA-256 digest");

    public override void SetValue(IDbDataParameter parameter, Digest value) => parameter.Value = value.ToString();
}

file sealed class JsonColumn<T>(JsonTypeInfo<T> type) : SqlMapper.TypeHandler<T>
    where T : class
{
    public override T? Parse(object value) => JsonSerializer.Deserialize((string)value, type);

    public override void SetValue(IDbDataParameter parameter, T? value) => parameter.Value = value is null ? DBNull.Value : JsonSerializer.Serialize(value, type);
}
