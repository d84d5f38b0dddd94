using System.Net;
using System.Net.WebSockets;
using System.Text.Json;

namespace Baremetal.Api.Client;

/// <summary>What an operator can ask of runners and their VMs.</summary>
public sealed partial class ConductorClient
{
    private const int TextBuffer = 16 << 10;

    /// <summary>The address that this client calls.</summary>
    public Uri Server => _connection.Server;

    /// <summary>A token by which a machine joins. Were the answer lost, the one that was made ends by itself.</summary>
    public Task<RunnerToken> MakeRunnerTokenAsync(NewRunnerToken token, CancellationToken cancel) =>
        StartAsync(Routes.RunnerTokens, token, ApiJson.Default.NewRunnerToken, ApiJson.Default.RunnerToken, cancel);

    public IAsyncEnumerable<Runner> ListRunnersAsync(CancellationToken cancel) => ListAsync(Routes.Runners, ApiJson.Default.PageRunner, cancel);

    /// <param name="runner">An id or a name.</param>
    public Task<Runner> GetRunnerAsync(string runner, CancellationToken cancel) => GetAsync(Routes.For(Routes.Runner, runner), ApiJson.Default.Runner, cancel);

    /// <param name="force">Forgets its VMs with it; those that run there run on.</param>
    public Task RemoveRunnerAsync(string runner, bool force, CancellationToken cancel) => DeleteAsync(Routes.For(Routes.Runner, runner) + Forced(force), cancel);

    /// <summary>The VMs of all runners.</summary>
    public IAsyncEnumerable<Vm> ListVmsAsync(CancellationToken cancel) => ListAsync(Routes.AllVms, ApiJson.Default.PageVm, cancel);

    public IAsyncEnumerable<Vm> ListVmsAsync(string runner, CancellationToken cancel) => ListAsync(Routes.For(Routes.Vms, runner), ApiJson.Default.PageVm, cancel);

    /// <param name="runner">An id or a name.</param>
    /// <param name="vm">An id or a name.</param>
    public Task<Vm> GetVmAsync(string runner, string vm, CancellationToken cancel) => GetAsync(Routes.For(Routes.Vm, runner, vm), ApiJson.Default.Vm, cancel);

    public Task<Vm> CreateVmAsync(string runner, CreateVm vm, CancellationToken cancel) =>
        StartAsync(Routes.For(Routes.Vms, runner), vm, ApiJson.Default.CreateVm, ApiJson.Default.Vm, cancel);

    /// <param name="action">One of <see cref="VmActions"/>.</param>
    public Task<Vm> OrderVmAsync(string runner, string vm, string action, CancellationToken cancel) =>
        StartAsync(Routes.For(Routes.VmAction, runner, vm, action), ApiJson.Default.Vm, cancel);

    /// <summary>Deletes a VM with its disk.</summary>
    /// <param name="force">Forgets one whose runner is lost, or does not come to delete it.</param>
    /// <returns>The VM that its runner deletes now; null if it was forgotten.</returns>
    public async Task<Vm?> DeleteVmAsync(string runner, string vm, bool force, CancellationToken cancel)
    {
        var path = Routes.For(Routes.Vm, runner, vm) + Forced(force);
        using var answer = await _connection.SendAsync(() => new HttpRequestMessage(HttpMethod.Delete, path), Retry.Person, HttpCompletionOption.ResponseContentRead, cancel);
        return answer.StatusCode == HttpStatusCode.NoContent ? null : await _connection.ReadAsync(answer, ApiJson.Default.Vm, cancel);
    }

    /// <summary>What its container, or its serial console, said; the text is copied as it comes, to its end. One that breaks off is a problem, after what came of it.</summary>
    public async Task CopyVmTextAsync(string runner, string vm, VmView view, Stream to, CancellationToken cancel)
    {
        var path = Routes.For(view == VmView.Logs ? Routes.VmLogs : Routes.VmConsoleLog, runner, vm);
        using var answer = await _connection.SendAsync(() => new HttpRequestMessage(HttpMethod.Get, path), Retry.Never, HttpCompletionOption.ResponseHeadersRead, cancel);
        await using var from = await answer.Content.ReadAsStreamAsync(cancel);
        var buffer = new byte[TextBuffer];
        while (await ReadAsync() is > 0 and var count)
            await to.WriteAsync(buffer.AsMemory(0, count), cancel);

        // Apart from the writing, which may fail as well, and for other reasons.
        async Task<int> ReadAsync()
        {
            try
            {
                return await from.ReadAsync(buffer, cancel);
            }
            catch (Exception e) when (e is IOException or HttpRequestException)
            {
                throw new ProblemException(new Problem(Problems.Unreachable, $"The text of VM {runner}/{vm} broke off: {e.Message}", 0, Remedy: "Its runner or the conductor went away; ask again."));
            }
        }
    }

    /// <summary>Its serial console or its screen, both ways.</summary>
    public Task<WebSocket> OpenVmConsoleAsync(string runner, string vm, VmView view, CancellationToken cancel) =>
        _connection.OpenAsync($"{Routes.For(Routes.VmConsole, runner, vm)}?kind={JsonNamingPolicy.KebabCaseLower.ConvertName(view.ToString())}", cancel);

    private static string Forced(bool force) => force ? "?force=true" : "";
}
