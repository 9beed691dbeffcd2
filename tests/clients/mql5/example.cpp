// Runs the example expert advisor in a terminal that the shim plays. Writes one JSON object per test: its name and what is wrong, or "".
#include "shim.h"
#include "LicensedExample.mq5"
#include <iostream>
#include <set>

struct Call
{
    std::string method, url, headers, body;
    int timeout;
    ulong tick;
};

static std::vector<Call> calls;
static std::string verdict = "\"valid\":true,\"code\":\"VALID\",\"detail\":\"The license is valid\",\"entitlement\":\"FULL\"";
static WebAnswer (*respond)(const Call &) = nullptr;

static std::string NonceOf(const std::string &body)
{
    size_t at = body.find("\"nonce\":\"");
    return at == std::string::npos ? "" : body.substr(at + 9, 32);
}

static WebAnswer Verdict(const Call &call)
{
    WebAnswer answer;
    answer.status = 200;
    answer.body = call.method == "GET" ? "{\"keys\":[]}" : "{" + verdict + ",\"nonce\":\"" + NonceOf(call.body) + "\"}";
    return answer;
}

static WebAnswer NoNetwork(const Call &) { return WebAnswer(); }

static WebAnswer NotAllowed(const Call &)
{
    WebAnswer answer;
    answer.error = 4014;
    return answer;
}

static WebAnswer Busy(const Call &)
{
    WebAnswer answer;
    answer.status = 429;
    answer.headers = "Content-Type: application/problem+json\r\nRetry-After: 900\r\n";
    answer.body = "{\"code\":\"RATE_LIMITED\",\"detail\":\"Too many requests\"}";
    return answer;
}

static WebAnswer Portal(const Call &)
{
    WebAnswer answer;
    answer.status = 503;
    answer.headers = "Content-Type: text/html\r\nRetry-After: 900\r\n";
    answer.body = "<html>Sign in</html>";
    return answer;
}

static WebAnswer Damaged(const Call &)
{
    WebAnswer answer;
    answer.status = 200;
    for(int i = 0; i < 300; i++)
        answer.body += (char)(i * 37);
    return answer;
}

static void Start(WebAnswer (*server)(const Call &))
{
    world = World();
    calls.clear();
    respond = server;
    LicenseUrl = "https://licenses.example.com/";
    LicenseToken = "very-secret-token";
    world.web = [](const std::string &method, const std::string &url, const std::string &headers, int timeout, const std::string &body) {
        calls.push_back({method, url, headers, body, timeout, world.tick});
        return respond(calls.back());
    };
    license = CLicenseClient();
    OnInit();
}

static void Seconds(int count)
{
    for(int i = 0; i < count; i++)
    {
        world.tick += 1000;
        world.utc++;
        OnTimer();
        OnTick();
    }
}

static std::vector<Call> Checks()
{
    std::vector<Call> checks;
    for(const Call &call : calls)
        if(call.method == "POST")
            checks.push_back(call);
    return checks;
}

static void Test(const char *name, bool passed)
{
    std::string last = world.printed.empty() ? "" : world.printed.back();
    std::string wrong = passed ? "" : std::to_string(calls.size()) + " calls; " + Shown(license.Entitlement()) + "; printed last: " + last;
    std::cout << "{\"name\":\"" << name << "\",\"wrong\":" << Shown(LicenseJson::Quote(string(wrong.c_str()))) << "}\n";
}

static bool IsPrinted(const char *text)
{
    for(const std::string &line : world.printed)
        if(line.find(text) != std::string::npos)
            return true;
    return false;
}

int main()
{
    Start(Verdict);
    for(int i = 0; i < 1000; i++)
        OnTick();
    Test("OnInit and OnTick make no request, and before the first check positions are only managed",
        calls.empty() && license.MayManage() && !license.MayOpen());

    Seconds(3600);
    std::vector<Call> checks = Checks();
    std::set<std::string> nonces;
    bool regular = true;
    for(size_t i = 0; i < checks.size(); i++)
    {
        nonces.insert(NonceOf(checks[i].body));
        ulong wait = i == 0 ? 290000 : checks[i].tick - checks[i - 1].tick;
        regular = regular && wait >= 270000 && wait <= 300000;
    }
    Test("a check every five minutes, never later", license.MayOpen() && regular && checks.size() >= 12 && checks.size() <= 14);
    Test("each check has its own nonce", nonces.size() == checks.size());
    bool brief = true;
    for(const Call &call : calls)
        brief = brief && call.timeout <= 3000;
    Test("a request lasts at most 3 s", brief);
    Test("the request is that of docs/integration.md",
        checks[0].url == "https://licenses.example.com/api/v1/licenses/validate"
            && checks[0].headers == "Content-Type: application/json\r\nAuthorization: License very-secret-token\r\n"
            && checks[0].body == "{\"ea_instance_id\":\"EA-1\",\"mt5_account_number\":1001,\"nonce\":\"" + NonceOf(checks[0].body) + "\"}");

    respond = NoNetwork;
    Seconds(600);
    Test("an outage does not stop trading", license.MayOpen() && IsPrinted("The license server does not answer. Trading continues"));
    Seconds(3600);
    Test("after an hour without an answer, positions are managed and none is opened", license.MayManage() && !license.MayOpen());
    checks = Checks();
    bool apart = true;
    for(size_t i = 0; i + 1 < checks.size(); i++)
        apart = apart && checks[i + 1].tick - checks[i].tick >= 15000;
    Test("retries come with growing pauses", apart && checks.back().tick - checks[checks.size() - 2].tick >= 300000);
    ulong before = world.tick;
    respond = Verdict;
    Seconds(460);
    Test("after the outage a check comes within minutes", license.MayOpen() && Checks().back().tick > before);

    std::string file = world.files.begin()->first;
    Test("one file remains, and neither its name nor its content has the token", world.files.size() == 1
        && file.find("secret") == std::string::npos && world.files[file].find("secret") == std::string::npos);
    auto files = world.files;
    long utc = world.utc;
    Start(NoNetwork);
    world.files = files;
    world.utc = utc + 60;
    OnInit();
    Test("a restart in an outage keeps what was", license.MayOpen() && calls.empty());
    Start(NoNetwork);
    world.files = files;
    world.utc = utc - 86400;
    OnInit();
    bool closed = license.MayManage() && !license.MayOpen();
    world.utc = utc + 90;
    Seconds(3);
    Test("a restart with a clock that is behind opens nothing until the clock is right", closed && license.MayOpen());
    std::string saved = files[file];
    auto changed = [&](const std::string &from, const std::string &to) {
        size_t at = saved.find(from);
        world.files[file] = at == std::string::npos ? saved : saved.substr(0, at) + to + saved.substr(at + from.size());
        OnInit();
        return world.files[file] != saved && license.MayManage() && !license.MayOpen();
    };
    bool damaged = changed(saved.substr(saved.size() / 2), "") && changed("\"entitlement\":\"FULL\"", "\"entitlement\":\"ALL\"")
        && changed("\"entitlement\":\"FULL\"", "\"entitlement\":5") && changed("\"lease\":\"\"", "\"lease\":null")
        && changed("\"highest_time\":1", "\"highest_time\":\"x\",\"x\":1") && changed("\"full_until\":1", "\"full_until\":99999")
        && changed(saved, "[]");
    Test("a damaged file counts as no file: positions are managed, and none is opened", damaged);
    world.files[file] = saved;
    LicenseToken = "another-secret-token";
    OnInit();
    bool renewed = license.MayManage() && !license.MayOpen();
    LicenseToken = "very-secret-token";
    OnInit();
    Test("another token in an outage lets positions be managed, and with the first one trading continues", renewed && license.MayOpen());

    Start(NotAllowed);
    Seconds(10);
    Test("error 4014 tells which address to allow", IsPrinted("add this address to the allowed URLs: https://licenses.example.com."));

    Start(Busy);
    Seconds(395);
    bool obeyed = Checks().size() == 1;
    Seconds(210);
    Test("Retry-After is obeyed, for ten minutes at most", obeyed && Checks().size() == 2);

    Start(Portal);
    Seconds(60);
    Test("Retry-After of another server is ignored", Checks().size() >= 2);

    Start(Damaged);
    Seconds(60);
    Test("bytes that are not text change nothing", !license.MayOpen() && IsPrinted("The answer is not from the license server."));

    verdict = "\"valid\":false,\"code\":\"EXPIRED\",\"detail\":\"The license expired\",\"entitlement\":\"CLOSE_ONLY\"";
    Start(Verdict);
    Seconds(10);
    Test("CLOSE_ONLY lets the expert advisor manage and close", license.MayManage() && !license.MayOpen()
        && IsPrinted("The license expired. Open positions are managed and closed; no position is opened."));
    verdict = "\"valid\":true,\"code\":\"VALID\",\"detail\":\"ok\"";
    Seconds(330);
    size_t lines = world.printed.size();
    Seconds(3000);
    Test("a message is printed once, not every second", world.printed.size() == lines);

    Start(Verdict);
    world.account = 0;
    OnInit();
    Seconds(60);
    bool waited = calls.empty();
    world.account = 2002;
    Seconds(10);
    Test("without an account there is no check; it comes when MetaTrader has signed in",
        waited && Checks().size() == 1 && Checks()[0].body.find(":2002") != std::string::npos);

    Start(Verdict);
    world.tester = true;
    calls.clear();
    world.printed.clear();
    OnInit();
    Seconds(3600);
    Test("the strategy tester is always FULL, says so, and makes no request",
        license.MayOpen() && calls.empty() && IsPrinted("The strategy tester needs no license."));

    verdict = "\"valid\":true,\"code\":\"VALID\",\"detail\":\"Grüße \\\"π\\\" \\u00e9\\u20ac\"";
    Start(Verdict);
    EaInstance = "EA \"ü\" \\ 1";
    OnInit();
    Seconds(10);
    Test("texts with quotes and other scripts survive",
        Checks()[0].body.find("\"EA \\\"ü\\\" \\\\ 1\"") != std::string::npos && Shown(license.Text()) == "Grüße \"π\" é€.");

    bool secret = false;
    for(const std::string &line : world.printed)
        secret = secret || line.find("secret") != std::string::npos;
    Test("no log has the token", !secret && !world.printed.empty());
}
