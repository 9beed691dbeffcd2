using System.Text.Json;

namespace StripeStandIn;

/// <summary>
/// Keeps the account between two runs of the demo, because the demo's database has its ids. Idempotency keys are not kept.
/// </summary>
internal static class StateFile
{
    public static void Load(Account account, string path)
    {
        if (!File.Exists(path))
            return;
        var state = JsonSerializer.Deserialize<AccountState>(File.ReadAllBytes(path))
            ?? throw new InvalidOperationException($"{path} is empty: delete it to begin anew");
        lock (account.Gate)
            account.State = state;
    }

    /// <summary>Atomic: if the process stops in between, the previous file remains.</summary>
    public static void Save(Account account, string path)
    {
        lock (account.Gate)
        {
            File.WriteAllBytes(path + ".part", JsonSerializer.SerializeToUtf8Bytes(account.State));
            File.Move(path + ".part", path, overwrite: true);
        }
    }
}
