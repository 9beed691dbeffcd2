using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Licensing;
using Microsoft.Extensions.Logging;

namespace LicenseFunctions.Infrastructure.Payments.PayPal;

/// <summary>An answer of PayPal.</summary>
/// <param name="Body">Undefined if it is empty or no JSON.</param>
/// <param name="RetryAfter">How long PayPal asked to wait; null if it didn't.</param>
public sealed record PayPalAnswer(HttpStatusCode Status, JsonElement Body, TimeSpan? RetryAfter)
{
    public bool IsSuccess => (int)Status is >= 200 and < 300;

    /// <summary>What PayPal refuses, such as INSTRUMENT_DECLINED; null for none.</summary>
    public string? Issue =>
        Body.Part("details") is { ValueKind: JsonValueKind.Array } details && details.GetArrayLength() > 0
            ? details[0].Text("issue") ?? Body.Text("name")
            : Body.Text("name") ?? Body.Text("error");

    /// <summary>PayPal's sentence about <see cref="Issue"/>.</summary>
    public string? Detail =>
        Body.Part("details") is { ValueKind: JsonValueKind.Array } details && details.GetArrayLength() > 0
            ? details[0].Text("description") ?? Body.Text("message")
            : Body.Text("message");

    /// <summary>PayPal's id of the request, for its support.</summary>
    public string? DebugId => Body.Text("debug_id");

    /// <summary>
    /// The request was certainly not executed, and a repetition would be refused again. False if PayPal rejects this backend's
    /// credentials: an operator corrects them.
    /// </summary>
    public bool IsFinalRefusal =>
        Status is HttpStatusCode.BadRequest or HttpStatusCode.NotFound or HttpStatusCode.UnprocessableEntity;

    /// <summary>A code for an answer that is neither a success nor a final refusal.</summary>
    public string Reason => string.Create(CultureInfo.InvariantCulture, $"{(int)Status}_{Issue ?? "no_answer"}");
}

/// <summary>Requests to PayPal's REST API, with an access token that is requested once and kept until shortly before it expires.</summary>
public sealed class PayPalClient(HttpClient http, PayPalSettings settings, TimeProvider clock, ILogger<PayPalClient> log) : IDisposable
{
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(1);

    private readonly SemaphoreSlim gate = new(1);
    private (string Text, DateTimeOffset ValidUntil)? token;

    public Task<PayPalAnswer> GetAsync(string path, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Get, path, body: null, requestId: null, cancellationToken);

    /// <param name="requestId">
    /// PayPal-Request-Id: PayPal answers a repeated request with the outcome of the first one, for some hours.
    /// </param>
    public Task<PayPalAnswer> PostAsync(string path, object body, string requestId, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Post, path, () => JsonContent.Create(body), requestId, cancellationToken);

    public Task<PayPalAnswer> PostAsync(string path, Func<HttpContent> body, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Post, path, body, requestId: null, cancellationToken);

    public Task<PayPalAnswer> PatchAsync(string path, object body, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Patch, path, () => JsonContent.Create(body), requestId: null, cancellationToken);

    public Task<PayPalAnswer> DeleteAsync(string path, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Delete, path, body: null, requestId: null, cancellationToken);

    /// <summary>Sends a request whose outcome may be uncertain.</summary>
    /// <param name="about">What the request is about, for the log: no data of the customer.</param>
    /// <param name="send">One of the methods above.</param>
    /// <param name="cancellationToken">Cancels the request.</param>
    /// <returns>The answer, or why there is none.</returns>
    public async Task<(PayPalAnswer? Answer, string? Unknown)> TryAsync(
        string about, Func<CancellationToken, Task<PayPalAnswer>> send, CancellationToken cancellationToken)
    {
        try
        {
            var answer = await send(cancellationToken);
            // With these ids, PayPal's support finds the request.
            if (!answer.IsSuccess)
            {
                log.LogWarning("PayPal answered {Status} {Issue} about the {Subject}, debug id {DebugId}",
                    (int)answer.Status, answer.Issue, about, answer.DebugId);
            }

            return (answer, null);
        }
        catch (HttpRequestException lost)
        {
            return (null, $"no_answer: {lost.HttpRequestError}");
        }
        catch (IOException)
        {
            return (null, "no_answer: cut off");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (null, "time_out");
        }
    }

    /// <summary>Sends a request that moves no money. Without a definite answer, the outcome is a refusal: PayPal is unavailable.</summary>
    /// <inheritdoc cref="TryAsync"/>
    /// <returns>The answer's body, or one of <see cref="PayPalRefusals"/> and <see cref="ProviderRefusals"/>.</returns>
    public async Task<Outcome<JsonElement>> AskAsync(
        string about, Func<CancellationToken, Task<PayPalAnswer>> send, CancellationToken cancellationToken) =>
        (await TryAsync(about, send, cancellationToken)).Answer switch
        {
            { IsSuccess: true } answer => answer.Body,
            { Status: HttpStatusCode.BadRequest } answer when answer.Body.Text("name") == "RESULTSET_TOO_LARGE" => PayPalRefusals.TooLarge,
            { Status: HttpStatusCode.NotFound } => PayPalRefusals.Missing,
            { IsFinalRefusal: true } => ProviderRefusals.Refused,
            { Status: HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden } => PayPalRefusals.KeyRejected,
            _ => ProviderRefusals.Unavailable,
        };

    /// <exception cref="HttpRequestException">There was no answer.</exception>
    /// <exception cref="OperationCanceledException">There was no answer in time, or the caller canceled.</exception>
    private async Task<PayPalAnswer> SendAsync(
        HttpMethod method, string path, Func<HttpContent>? body, string? requestId, CancellationToken cancellationToken)
    {
        // The limit includes the wait for a token that another request is getting.
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(settings.SendTimeout);
        cancellationToken = timeout.Token;
        var access = await TokenAsync(rejected: null, cancellationToken);
        if (access.Refusal is { } refused) return refused;
        var answer = await SendOnceAsync(method, path, body, requestId, access.Token!, cancellationToken);
        if (answer.Status is not HttpStatusCode.Unauthorized) return answer;

        // The token was revoked. PayPal checks it before everything else, so the request was not executed.
        access = await TokenAsync(rejected: access.Token, cancellationToken);
        return access.Refusal ?? await SendOnceAsync(method, path, body, requestId, access.Token!, cancellationToken);
    }

    private async Task<PayPalAnswer> SendOnceAsync(
        HttpMethod method, string path, Func<HttpContent>? body, string? requestId, string access, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, new Uri(settings.ApiUrl, path)) { Content = body?.Invoke() };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", access);
        if (requestId is not null) request.Headers.Add("PayPal-Request-Id", requestId);
        request.Headers.Add("Prefer", "return=representation");
        return await AnswerAsync(request, cancellationToken);
    }

    private async Task<(string? Token, PayPalAnswer? Refusal)> TokenAsync(string? rejected, CancellationToken cancellationToken)
    {
        await gate.WaitAsync(cancellationToken);
        try
        {
            if (token is { } known && known.Text != rejected && known.ValidUntil > clock.GetUtcNow()) return (known.Text, null);
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(settings.ApiUrl, "v1/oauth2/token"));
            request.Content = new FormUrlEncodedContent([KeyValuePair.Create("grant_type", "client_credentials")]);
            request.Headers.Authorization = new AuthenticationHeaderValue(
                "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{settings.ClientId}:{settings.ClientSecret}")));
            var answer = await AnswerAsync(request, cancellationToken);
            if (!answer.IsSuccess || answer.Body.Text("token_type") is null || Token(answer.Body) is not { } text)
                return (null, answer.IsSuccess ? answer with { Status = HttpStatusCode.BadGateway } : Unauthorized(answer));
            var seconds = answer.Body.Whole("expires_in") is > 0 and < 1_000_000 and { } stated ? stated : 0;
            token = (text, clock.GetUtcNow() + TimeSpan.FromSeconds(seconds) - Margin);
            return (text, null);
        }
        finally
        {
            gate.Release();
        }
    }

    // Tokens are longer than other texts.
    private static string? Token(JsonElement body) =>
        body.Part("access_token") is { ValueKind: JsonValueKind.String } part && part.GetString() is { Length: > 0 } text
            && text.All(char.IsAscii) && !text.Any(char.IsWhiteSpace)
            ? text
            : null;

    // Wrong credentials are a 401, or a 400 of OAuth. The latter must not look like a refusal of the request itself.
    private static PayPalAnswer Unauthorized(PayPalAnswer answer) =>
        answer.IsFinalRefusal ? answer with { Status = HttpStatusCode.Unauthorized } : answer;

    private async Task<PayPalAnswer> AnswerAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        var text = await response.Content.ReadAsStringAsync(cancellationToken);
        return new PayPalAnswer(response.StatusCode, Parse(text), response.Headers.RetryAfter?.Delta);
    }

    private static JsonElement Parse(string text)
    {
        try
        {
            return text.Length == 0 ? default : JsonElement.Parse(text);
        }
        catch (JsonException)
        {
            return default;
        }
    }

    public void Dispose() => gate.Dispose();
}
