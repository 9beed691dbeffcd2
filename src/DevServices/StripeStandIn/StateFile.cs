using System.Text.Json;

namespace StripeStandIn;

/// <summary>
/// Stores the account between two runs of the demo, because the demo's database contains its IDs. Idempotency keys are not stored.
/// </summary>
internal static class StateFile
{
    public static void Load(Account account, string path)
    {
        if (!File.Exists(path))
            return;
        var state = JsonSerializer.Deserialize<AccountState>(File.ReadAllBytes(path))
            ?? throw new InvalidOperationException($"{path} is empty: delete it to start with an empty account");
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
