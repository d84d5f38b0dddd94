using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using Baremetal.Api;
using Baremetal.Conductor.Tests.World;
using Baremetal.Trust;

namespace Baremetal.Conductor.Tests.Images;

public sealed class BlobTests
{
    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly byte[] Content = [.. Enumerable.Range(0, 3_000_000).Select(i => (byte)(i * 7 + i / 251))];
    private static readonly string Address = Digest.Of(Content).ToString();

    private static string[] Files(TestConductor conductor) => Directory.GetFiles(conductor.StatePath("blobs"), "*", SearchOption.AllDirectories);

    [Fact]
    public async Task Get_WholeAndInRanges_GivesTheBytesForAnyCacheForEver()
    {
        await using var conductor = await TestConductor.StartAsync();
        await TestImage.UploadAsync(conductor.Operator, Content);
        using var whole = await conductor.Plain.GetAsync(Routes.Blobs + Address, None);
        Assert.Equal(Content, await whole.Content.ReadAsByteArrayAsync(None));
        Assert.Equal((Content.Length, $"\"{Address}\"", true), ((int)whole.Content.Headers.ContentLength!, whole.Headers.ETag!.Tag, whole.Headers.CacheControl!.Extensions.Any(one => one.Name == "immutable")));

        using var ask = new HttpRequestMessage(HttpMethod.Get, Routes.Blobs + Address) { Headers = { Range = new RangeHeaderValue(1_000_001, 2_000_000) } };
        using var part = await conductor.Plain.SendAsync(ask, None);
        Assert.Equal(HttpStatusCode.PartialContent, part.StatusCode);
        Assert.Equal(Content[1_000_001..2_000_001], await part.Content.ReadAsByteArrayAsync(None));

        using var beyond = new HttpRequestMessage(HttpMethod.Get, Routes.Blobs + Address) { Headers = { Range = new RangeHeaderValue(3_000_000, null) } };
        using var nothing = await conductor.Plain.SendAsync(beyond, None);
        Assert.Equal(HttpStatusCode.RequestedRangeNotSatisfiable, nothing.StatusCode);

        using var again = new HttpRequestMessage(HttpMethod.Get, Routes.Blobs + Address) { Headers = { IfNoneMatch = { new EntityTagHeaderValue($"\"{Address}\"") } } };
        using var unchanged = await conductor.Plain.SendAsync(again, None);
        Assert.Equal(HttpStatusCode.NotModified, unchanged.StatusCode);

        using var head = await conductor.Plain.SendAsync(new HttpRequestMessage(HttpMethod.Head, Routes.Blobs + Address), None);
        Assert.Equal(Content.Length, head.Content.Headers.ContentLength);
    }

    [Theory]
    [InlineData("0000000000000000000000000000000000000000000000000000000000000000", HttpStatusCode.NotFound)]
    [InlineData("..%2f..%2fsecrets.key", HttpStatusCode.BadRequest)]
    [InlineData("ABCDEF", HttpStatusCode.BadRequest)]
    public async Task Get_WhatIsNoBlob_IsRefused(string address, HttpStatusCode status)
    {
        await using var conductor = await TestConductor.StartAsync();
        using var answer = await conductor.Plain.GetAsync(Routes.Blobs + address, None);
        Assert.Equal(status, answer.StatusCode);
    }

    [Theory]
    [InlineData(false, "The upload is 3000000 bytes, and the conductor's disk has ")]
    [InlineData(true, "The conductor's disk is full: No space left on device")]
    public async Task Put_MoreThanTheDiskHasRoomFor_IsRefusedAndLeavesNothing(bool lengthIsUnknown, string title)
    {
        using var disk = new SmallDisk(mebibytes: 16);
        await using var conductor = await TestConductor.StartAsync(settings => settings with { StateDirectory = Path.Combine(disk.Path, "state") });
        disk.Fill(leave: 1 << 20);

        using var body = new ByteArrayContent(Content);
        using var ask = new HttpRequestMessage(HttpMethod.Put, Routes.Blobs + Address) { Content = body, Headers = { TransferEncodingChunked = lengthIsUnknown } };
        var problem = await conductor.SendAsync(ask);

        Assert.Equal(507, problem.GetProperty("status").GetInt32());
        Assert.StartsWith(title, problem.GetProperty("title").GetString(), StringComparison.Ordinal);
        Assert.Empty(Files(conductor));
        disk.MakeRoom();
        await TestImage.UploadAsync(conductor.Operator, Content);
    }

    [Fact]
    public async Task Put_OtherContentThanItsDigest_IsRefusedAndLeavesNothing()
    {
        await using var conductor = await TestConductor.StartAsync();
        var file = Path.Combine(conductor.Settings.StateDirectory, "upload");
        await File.WriteAllBytesAsync(file, Content, None);
        var wrong = Digest.Of([1]).ToString();
        var refusal = await Assert.ThrowsAsync<ProblemException>(() => conductor.Operator.UploadBlobAsync(wrong, file, null, None));
        Assert.Equal(422, refusal.Problem.Status);
        Assert.Contains(Address, refusal.Problem.Title, StringComparison.Ordinal);
        Assert.Empty(Files(conductor));
        Assert.False(await conductor.Operator.HasBlobAsync(wrong, None));
    }

    [Fact]
    public async Task Put_CutInTheMiddle_LeavesNothing()
    {
        await using var conductor = await TestConductor.StartAsync();
        using (var tcp = new TcpClient())
        {
            await tcp.ConnectAsync(IPAddress.Loopback, conductor.Settings.TlsPort, None);
            await using var tls = new System.Net.Security.SslStream(tcp.GetStream(), leaveInnerStreamOpen: false, (_, certificate, _, _) => certificate is not null);
            await tls.AuthenticateAsClientAsync("localhost", null, SslProtocols.None, checkCertificateRevocation: false);
            var token = (await File.ReadAllTextAsync(conductor.StatePath("admin.token"), None)).Trim();
            await tls.WriteAsync(Encoding.ASCII.GetBytes($"PUT {Routes.Blobs}{Address} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Length: {Content.Length}\r\n\r\n"), None);
            await tls.WriteAsync(Content.AsMemory(0, Content.Length - 1), None);
            await tls.FlushAsync(None);
            await Until.TrueAsync(() => Task.FromResult(Files(conductor).Length == 1), "the upload to begin");
        }
        await Until.TrueAsync(() => Task.FromResult(Files(conductor).Length == 0), "the cut upload to be gone");
        // And whole, it is taken.
        await TestImage.UploadAsync(conductor.Operator, Content);
        await TestImage.UploadAsync(conductor.Operator, Content);
        Assert.Single(Files(conductor));
    }

    [Fact]
    public async Task Put_ByNobodyOrOnThePlainPort_IsRefused()
    {
        await using var conductor = await TestConductor.StartAsync();
        using var plain = await conductor.Plain.PutAsync(Routes.Blobs + Address, new ByteArrayContent([1]), None);
        Assert.Equal(HttpStatusCode.NotFound, plain.StatusCode);
        using var nobody = conductor.Connect("bm1_00000000_" + new string('0', 64));
        var file = Path.Combine(conductor.Settings.StateDirectory, "upload");
        await File.WriteAllBytesAsync(file, [1], None);
        Assert.Equal(401, (await Assert.ThrowsAsync<ProblemException>(() => nobody.UploadBlobAsync(Digest.Of([1]).ToString(), file, null, None))).Problem.Status);
    }
}
