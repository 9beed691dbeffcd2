using System.CommandLine;
using System.Globalization;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Settings;
using LicenseFunctions.Operations;
using Licensing;
using Microsoft.Extensions.Configuration;

namespace LicenseTool;

/// <summary>Webhook endpoints, as in the API and on the operators' page.</summary>
internal static class WebhookCommands
{
    private static readonly Option<Guid?> By = OperatorOption.Create();

    private static readonly Argument<Guid> Id = Values.IdArgument(
        "endpoint_id", "From webhooks list", "an endpoint_id", "licensectl webhooks list shows them.");

    private static readonly DatabaseOption Database = new();

    public static Command Create()
    {
        return new Command("webhooks", "Webhook endpoints, which receive the events of licenses")
        {
            CreateList(), CreateAdd(), CreateChange(), CreateRotate(), CreateReplay(), CreateRemove(),
            CreateChange("enable", "Enables an endpoint: it gets the events that it has missed", new WebhookEndpointChange(Enabled: true)),
            CreateChange("disable", "Disables an endpoint: nothing is sent until it is enabled", new WebhookEndpointChange(Enabled: false)),
        };
    }

    private static Command CreateList() => Of("list", "Lists the endpoints", [], async (_, _, _, store, cancellationToken) =>
    {
        var all = await store.ListAsync(cancellationToken);
        foreach (var endpoint in all)
            await WriteAsync(endpoint);
        if (all.Count == 0)
            await Console.Out.WriteLineAsync("No webhook endpoints.");
        return 0;
    });

    private static Command CreateAdd()
    {
        var url = new Argument<string>("url") { Description = "Where to send, such as https://hooks.example.com/licenses" };
        var types = new Option<string>("--types") { Description = "Types of events, comma-separated; default: all" };
        return Of(
            "add", "Adds an endpoint, which gets the events from now on, and prints its secret", [url, types, By],
            async (arguments, by, edit, _, cancellationToken) => await SecretAsync(await edit.AddAsync(
                new NewWebhookEndpoint(arguments.GetRequiredValue(url), Split(arguments.GetValue(types))),
                by, cancellationToken)));
    }

    private static Command CreateChange()
    {
        var url = new Option<string>("--url") { Description = "Where to send from now on" };
        var types = new Option<string>("--types") { Description = "Types of events, comma-separated; * for all" };
        return Of(
            "change", "Changes the URL or the types of an endpoint; what is not given stays as it is", [Id, url, types, By],
            async (arguments, by, edit, _, cancellationToken) =>
            {
                var change = new WebhookEndpointChange(arguments.GetValue(url), Split(arguments.GetValue(types)));
                if (change is { Url: null, Types: null })
                    throw new UsageException("--url or --types is required. Example: --types device.added,device.removed");
                return await ChangedAsync(await edit.ChangeAsync(
                    arguments.GetRequiredValue(Id), change, by, cancellationToken));
            });
    }

    private static string[]? Split(string? types) =>
        types?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static Command CreateRotate()
    {
        var overlap = Values.Number(
            "--overlap-seconds", "How long older secrets also sign; 0 ends them now", 0, int.MaxValue,
            new WebhookSecretRotation().OverlapSeconds);
        var yes = Confirmation.Yes("the rotation");
        return Of(
            "rotate", "Makes a new secret for an endpoint and prints it", [Id, overlap, By, yes],
            async (arguments, by, edit, store, cancellationToken) =>
            {
                var seconds = arguments.GetValue(overlap);
                var what = string.Create(
                    CultureInfo.InvariantCulture, $"This makes a new secret, and ends older ones in {seconds} seconds");
                return !await IsConfirmedAsync(arguments, yes, what, store, cancellationToken)
                    ? 1
                    : await SecretAsync(await edit.RotateAsync(
                        arguments.GetRequiredValue(Id), new WebhookSecretRotation(seconds), by,
                        cancellationToken));
            });
    }

    private static Command CreateReplay()
    {
        var after = Values.Option<long>(
            "--after", "The id of an event: the next one is sent first; 0 for the oldest", "the id of an event", "1207",
            Values.TryReadPosition);
        var since = Values.Option<DateTimeOffset>(
            "--since", "A time (UTC), such as 2026-11-01T00:00:00", "a time", "2026-11-01T00:00:00",
            (string text, out DateTimeOffset time) => DateTimeOffset.TryParse(
                text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out time));
        var yes = Confirmation.Yes("the replay");
        return Of(
            "replay", "Sends events again, from a place or a time", [Id, after, since, By, yes],
            async (arguments, by, edit, store, cancellationToken) =>
            {
                const string What = "This moves the endpoint's position. It gets all events after it, and none before it. The endpoint";
                if (!await IsConfirmedAsync(arguments, yes, What, store, cancellationToken))
                    return 1;
                return await ChangedAsync(await edit.ReplayAsync(
                    arguments.GetRequiredValue(Id),
                    new WebhookReplay(arguments.GetValue(after), arguments.GetValue(since)),
                    by, cancellationToken));
            });
    }

    private static Command CreateRemove()
    {
        var yes = Confirmation.Yes("the removal");
        return Of(
            "remove", "Removes an endpoint with its secrets and its position", [Id, By, yes],
            async (arguments, by, edit, store, cancellationToken) =>
            {
                if (!await IsConfirmedAsync(arguments, yes, "This removes an endpoint", store, cancellationToken))
                    return 1;
                var removed = await edit.RemoveAsync(
                    arguments.GetRequiredValue(Id), by, cancellationToken);
                return removed.Refusal is { } refusal ? await FailAsync(refusal) : 0;
            });
    }

    /// <summary>True also if there is no such endpoint: the change itself says that.</summary>
    private static async Task<bool> IsConfirmedAsync(
        ParseResult arguments, Option<bool> yes, string what, WebhookEndpointStore store, CancellationToken cancellationToken)
    {
        var id = arguments.GetRequiredValue(Id);
        return arguments.GetValue(yes)
            || (await store.ListAsync(cancellationToken)).SingleOrDefault(one => one.EndpointId == id) is not { } endpoint
            || await Confirmation.IsGivenAsync($"{what}: {Text(endpoint)}", $"{id}", "Nothing was changed.");
    }

    private static Command CreateChange(string name, string about, WebhookEndpointChange change) => Of(
        name, about, [Id, By], async (arguments, by, edit, _, cancellationToken) => await ChangedAsync(await edit.ChangeAsync(
            arguments.GetRequiredValue(Id), change, by, cancellationToken)));

    private static Command Of(
        string name, string about, Symbol[] symbols,
        Func<ParseResult, Actor, EditWebhookEndpoints, WebhookEndpointStore, CancellationToken, Task<int>> run)
    {
        var command = new Command(name, about) { Database };
        var isAudited = symbols.Contains(By);
        foreach (var symbol in symbols)
        {
            if (symbol is Argument argument)
                command.Add(argument);
            else
                command.Add((Option)symbol);
        }

        command.SetAction(async (arguments, cancellationToken) =>
        {
            var reader = new SettingReader(new ConfigurationBuilder().AddEnvironmentVariables().Build());
            var settings = WebhookSettings.Read(reader);
            reader.ThrowIfFaulty();
            await using var source = Database.Open(arguments);
            var database = new LicenseDatabase(source);
            var edit = new EditWebhookEndpoints(database, settings);
            var by = isAudited ? await arguments.OperatorAsync(By, source, cancellationToken) : Actor.System;
            return await run(arguments, by, edit, new WebhookEndpointStore(database), cancellationToken);
        });
        return command;
    }

    private static async Task<int> SecretAsync(Outcome<WebhookEndpointSecret> outcome)
    {
        if (outcome.Refusal is { } refusal)
            return await FailAsync(refusal);
        await WriteAsync(outcome.Value.Endpoint);
        await Console.Out.WriteLineAsync($"Secret, shown only now: {outcome.Value.Secret}");
        return 0;
    }

    private static async Task<int> ChangedAsync(Outcome<WebhookEndpoint> outcome)
    {
        if (outcome.Refusal is { } refusal)
            return await FailAsync(refusal);
        await WriteAsync(outcome.Value);
        return 0;
    }

    private static async Task<int> FailAsync(Refusal refusal)
    {
        await Console.Error.WriteLineAsync($"{refusal.Detail} {refusal.Hint}".TrimEnd());
        return 1;
    }

    private static Task WriteAsync(WebhookEndpoint endpoint) => Console.Out.WriteLineAsync(Text(endpoint));

    private static string Text(WebhookEndpoint endpoint)
    {
        var state = endpoint.DisabledBy is { } by ? $"disabled by {by}"
            : endpoint.FailingSince is { } since
                ? string.Create(CultureInfo.InvariantCulture, $"failing since {since:yyyy-MM-dd HH:mm} UTC")
            : "active";
        var place = string.Create(CultureInfo.InvariantCulture, $"after {endpoint.After}, {endpoint.Waiting} waiting");
        return $"{endpoint.EndpointId}  {state}  {place}  {string.Join(',', endpoint.Types)}  {endpoint.Url}"
            + (endpoint.LastError is { } error ? $"\n    {error}" : "");
    }
}
