using System.Text.Json;

namespace StripeStandIn;

/// <summary>The account between two runs of the demo, whose database remembers its ids. Idempotency keys are not kept.</summary>
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

    /// <summary>Whole or not at all: a stop in between leaves the file of before.</summary>
    public static void Save(Account account, string path)
    {
        lock (account.Gate)
        {
            File.WriteAllBytes(path + ".part", JsonSerializer.SerializeToUtf8Bytes(account.State));
            File.Move(path + ".part", path, overwrite: true);
        }
    }
}
