namespace DevServices;

/// <summary>What is special about each person of sql/demo after the first start.</summary>
internal static class DemoStories
{
    private static readonly Dictionary<string, string> ByName = new(StringComparer.Ordinal)
    {
        ["olga.operator"] = "Operator: reviews alerts, suspends and reinstates licenses, refunds payments",
        ["nora.lindqvist"] = "Two devices, a VPS and a computer at home: both slots are taken",
        ["tunde.adeyemi"] = "New customer: no device has used the license yet",
        ["mira.kovac"] = "The automatic renewal from the wallet is due in 3 days",
        ["jonas.weber"] = "The automatic renewal by card is due in 5 days",
        ["amara.okafor"] = "Grace period: the card was declined, and the license expired yesterday",
        ["paul.dubois"] = "Expired 9 days ago; the saved card has expired, too",
        ["sara.haddad"] = "Suspended: a third device asked for a slot while two were in use",
        ["liam.murphy"] = "A third device was refused; both slots are taken",
        ["yuki.tanaka"] = "The platform paused the license: the wallet is below its minimum",
        ["diego.romero"] = "The platform paused the license: the spread is too wide",
        ["ines.carvalho"] = "One device, renewed from the wallet",
        ["oskar.nilsson"] = "Canceled by the customer 2 days ago",
        ["fatima.khan"] = "A free license, which renews without a payment",
        ["george.papas"] = "A license that never expires",
        ["hana.novak"] = "Expires in 2 days; auto-renewal is off",
        ["ivan.petrov"] = "The token was changed 2 hours ago; the old one works for one more day",
        ["julia.santos"] = "Suspended by an operator because of a disputed payment",
        ["kofi.mensah"] = "A VPS in London and a computer in Lagos: an alert that was closed",
        ["lena.fischer"] = "An alert about changing addresses that was a false alarm",
        ["marco.ricci"] = "Was asked about the use in two cities; the question waits for an answer",
        ["nadia.benali"] = "The automatic renewal from the wallet is due in 6 days",
        ["peter.jansen"] = "One device, renewed by card",
        ["quynh.tran"] = "The automatic renewal from the wallet is due in 8 days",
        ["rosa.moreno"] = "The saved card expires soon",
        ["samir.patel"] = "A license without a price, which can't be renewed",
    };

    public static string? Of(string email) => ByName.GetValueOrDefault(email.Split('@')[0]);
}
