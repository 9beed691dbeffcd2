using LicenseClients;

namespace ClientDriver;

internal static class Bridge
{
    public static async Task RunAsync(string url, string token, CancellationToken stopping)
    {
        // The example of src/Clients/README.md; tests/clients compares the two.
        using var client = new LicenseClient(new LicenseOptions(url, token, "EA-1", 1001,
            Saved: File.Exists("license.json") ? File.ReadAllText("license.json") : null,
            Save: text =>                                            // to a temporary file first: a crash must not truncate the saved text
            {
                File.WriteAllText("license.new", text);
                File.Move("license.new", "license.json", overwrite: true);
            }));
        while (!stopping.IsCancellationRequested)                    // a loop in the background
        {
            var (decision, wait) = await client.CheckAsync(stopping);
            Console.WriteLine(decision.Text);
            await Task.Delay(wait, stopping);
        }
        if (client.Decide().Entitlement == "FULL") { /* open */ }   // elsewhere, before each trade
    }
}
