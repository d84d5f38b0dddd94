using System.Globalization;
using System.Text;

namespace Baremetal.VmRunner.Supervisor.Metadata;

/// <summary>An answer, after which the connection is closed.</summary>
/// <param name="Status">With its words.</param>
/// <param name="Body">May be empty.</param>
/// <param name="Type">Of the body.</param>
/// <param name="Header">One more line of the head, or null.</param>
internal sealed record HttpResponse(string Status, byte[] Body, string Type = HttpResponse.PlainText, string? Header = null)
{
    public const string PlainText = "text/plain";
    public const string Json = "application/json";
    public const string Bytes = "application/octet-stream";

    public static HttpResponse Ok(byte[] body, string type = PlainText, string? header = null) => new("200 OK", body, type, header);

    public static HttpResponse Refusal(string status, string why, string? header = null) => new(status, Encoding.ASCII.GetBytes(why + "\n"), PlainText, header);

    /// <param name="withBody">False for HEAD, which is told the length of what it does not get.</param>
    public byte[] ToBytes(bool withBody)
    {
        var head = new StringBuilder()
            .Append("HTTP/1.1 ").Append(Status)
            .Append("\r\nContent-Type: ").Append(Type)
            .Append(CultureInfo.InvariantCulture, $"\r\nContent-Length: {Body.Length}")
            .Append("\r\nConnection: close");
        if (Header is not null)
            head.Append("\r\n").Append(Header);
        head.Append("\r\n\r\n");
        return [.. Encoding.ASCII.GetBytes(head.ToString()), .. withBody ? Body : []];
    }
}
