// An expert advisor with a license. Replace OpenPositions and ManagePositions by your strategy.
#include <LicenseClient.mqh>

input string LicenseUrl = "https://licenses.example.com"; // License server
input string LicenseToken = "";                           // License token
input string EaInstance = "EA-1";                         // Name of this expert advisor on this account

CLicenseClient license;

int OnInit()
{
    license.Init(LicenseUrl, LicenseToken, EaInstance);
    EventSetTimer(1);
    return INIT_SUCCEEDED;
}

void OnDeinit(const int reason)
{
    EventKillTimer();
    Comment("");
}

void OnTimer()
{
    license.OnTimer();
    Comment("License: ", license.Entitlement(), ". ", license.Text());
}

// Trailing stops, exits
void ManagePositions()
{
}

// Entries
void OpenPositions()
{
}

void OnTick()
{
    if(license.MayManage())
        ManagePositions();
    if(license.MayOpen())
        OpenPositions();
}
