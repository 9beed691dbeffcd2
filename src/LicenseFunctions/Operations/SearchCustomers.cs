using LicenseFunctions.Infrastructure.Database;
using Licensing;
using Licensing.Search;

namespace LicenseFunctions.Operations;

/// <param name="Text">3 to 255 characters.</param>
public sealed record SearchQuery(string Text);

/// <param name="Hits">By kind; at most 8 for each meaning of the text.</param>
public sealed record SearchResults(IReadOnlyList<SearchHit> Hits);

public sealed class SearchCustomers(LicenseDatabase database, SearchStore store)
{
    private const int Most = 8;

    private static readonly string[] Kinds =
        ["customer", "license", "device", "refused_device", "token", "alert", "payment", "case", "dispute", "invoice"];

    public async Task<Outcome<SearchResults>> RunAsync(SearchQuery query, CancellationToken cancellationToken)
    {
        var text = SearchText.Parse(query.Text);
        if (text.Refusal is { } refusal)
            return refusal;
        var hits = await database.ReadLatestAsync(token => store.FindAsync(text.Value, Most, token), cancellationToken);
        // A text with several meanings may find the same row twice.
        return new SearchResults([.. hits.DistinctBy(hit => (hit.Kind, hit.Id)).OrderBy(hit => Array.IndexOf(Kinds, hit.Kind))]);
    }
}
