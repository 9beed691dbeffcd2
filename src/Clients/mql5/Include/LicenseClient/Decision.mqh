// What a client may do, from what it knows, the newest answer and the clock. No I/O. Times are seconds since 1970, UTC.
// The cases in conformance/cases.json define it for all clients.
#ifndef LICENSE_DECISION_MQH
#define LICENSE_DECISION_MQH
#include "Lease.mqh"

#define LICENSE_GRACE_SECONDS 3600
#define LICENSE_CLOCK_TOLERANCE_SECONDS 300

// What is stored between two checks and over restarts
struct LicenseState
{
    string entitlement; // of the last verdict: FULL, CLOSE_ONLY, NONE; "" before the first
    string detail;      // the server's sentence
    string subscription;
    string lease;
    long closeOnlyUntil; // 0 if it has no end
    long fullUntil;      // FULL ends here if there is neither a verdict nor a good lease
    long clockOffset;    // how far the clock is ahead of the server's, if it is wrong; otherwise 0
    long highestTime;    // the highest time seen, of the corrected clock and of the server
    long newestIssuedAt; // of the leases seen
    long refusedAt;      // the last verdict other than FULL
    string problem;      // of the last answer; "" if it was a verdict
    string problemDetail;
};

// The outcome of one HTTP request
struct LicenseAnswer
{
    int status;   // 0: there was no HTTP answer
    string fault; // URL_NOT_ALLOWED if MetaTrader rejected the request
    string body;  // for URL_NOT_ALLOWED, the address
    string nonce; // of the request
};

struct LicenseDecision
{
    string entitlement;
    string message; // VALID, CLOSE_ONLY, REFUSED, LEASE, KEPT, UNCONFIRMED or NOT_CHECKED
    string problem; // "" or NO_ANSWER, URL_NOT_ALLOWED, NOT_THE_SERVER, SERVER_ERROR, REJECTED, CLOCK_WRONG
    string text;    // for the user
};

void LicenseClear(LicenseState &state)
{
    state.entitlement = "";
    state.detail = "";
    state.subscription = "";
    state.lease = "";
    state.closeOnlyUntil = 0;
    state.fullUntil = 0;
    state.clockOffset = 0;
    state.highestTime = 0;
    state.newestIssuedAt = 0;
    state.refusedAt = 0;
    state.problem = "";
    state.problemDetail = "";
}

int LicenseNumberAt(const string text, const int at, const int digits)
{
    int number = 0;
    for(int i = at; i < at + digits; i++)
    {
        ushort c = i < StringLen(text) ? StringGetCharacter(text, i) : (ushort)0;
        if(c < '0' || c > '9')
            return -1;
        number = number * 10 + (c - '0');
    }
    return number;
}

// A time as in RFC 3339; 0 if it isn't one or is not before the year 3000, where MetaTrader's times end
long LicenseTime(const string text)
{
    int length = StringLen(text);
    int year = LicenseNumberAt(text, 0, 4);
    int month = LicenseNumberAt(text, 5, 2);
    int day = LicenseNumberAt(text, 8, 2);
    int hour = LicenseNumberAt(text, 11, 2);
    int minute = LicenseNumberAt(text, 14, 2);
    int second = LicenseNumberAt(text, 17, 2);
    if(year < 1970 || year > 2999 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 || minute < 0 || minute > 59
        || second < 0 || second > 59 || StringGetCharacter(text, 10) != 'T')
        return 0;
    int at = 19;
    if(at < length && StringGetCharacter(text, at) == '.')
    {
        at++;
        while(LicenseNumberAt(text, at, 1) >= 0)
            at++;
    }
    long offset = 0;
    string zone = LicenseCut(text, at, length - at);
    if(zone != "Z")
    {
        int hours = LicenseNumberAt(zone, 1, 2);
        int minutes = LicenseNumberAt(zone, 4, 2);
        ushort sign = zone == "" ? (ushort)0 : StringGetCharacter(zone, 0);
        if(StringLen(zone) != 6 || hours < 0 || minutes < 0 || (sign != '+' && sign != '-'))
            return 0;
        offset = (sign == '+' ? 60 : -60) * (hours * 60 + minutes);
    }
    // Days since 1970; the year starts in March, so that a leap day is its last day.
    long y = month > 2 ? year : year - 1;
    long m = month > 2 ? month - 3 : month + 9;
    long days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
    return days * 86400 + hour * 3600 + minute * 60 + second - offset;
}

string LicenseMinute(const long time)
{
    string text = TimeToString((datetime)time, TIME_DATE | TIME_MINUTES);
    StringReplace(text, ".", "-");
    return text + " UTC";
}

string LicenseSentence(const string text)
{
    int length = StringLen(text);
    return length > 0 && StringGetCharacter(text, length - 1) == '.' ? text : text + ".";
}

string LicenseProblemText(const string problem, const string detail)
{
    if(problem == "URL_NOT_ALLOWED")
        return "MetaTrader does not allow the request. Open Tools > Options > Expert Advisors and add this address to the allowed URLs: "
            + LicenseSentence(detail);
    if(problem == "NO_ANSWER")
        return "The license server does not answer.";
    if(problem == "NOT_THE_SERVER")
        return "The answer is not from the license server. Does the network require a sign-in?";
    if(problem == "SERVER_ERROR")
        return "The license server has an error or is busy.";
    if(problem == "REJECTED")
        return "The license server rejected the request: " + LicenseSentence(detail);
    return problem == "CLOCK_WRONG" ? "The clock of this computer is wrong; set it." : "";
}

// False if the answer is not a verdict. An answer of the server repeats the request's nonce; a stored copy can't.
bool LicenseIsVerdict(const LicenseAnswer &answer, LicenseJson &json)
{
    bool valid = false;
    string code = "";
    string nonce = "";
    return answer.status == 200 && json.ReadObject(answer.body) && json.Flag("valid", valid) && json.Text("code", code)
        && json.Text("nonce", nonce) && nonce == answer.nonce;
}

// A verdict without an entitlement is that of an older server. An unknown one opens nothing and strands nothing.
string LicenseEntitlementOf(const LicenseJson &json, const string before)
{
    bool valid = false;
    string word = "";
    json.Flag("valid", valid);
    if(!json.Has("entitlement"))
        return valid ? "FULL" : before == "FULL" || before == "CLOSE_ONLY" ? "CLOSE_ONLY" : "NONE";
    json.Text("entitlement", word);
    return word == "NONE" ? "NONE" : word == "FULL" && valid ? "FULL" : "CLOSE_ONLY";
}

void LicenseApplyVerdict(LicenseState &state, const LicenseJson &json, const long clock, const string keys, const string device,
    LicenseLeaseReader &reader)
{
    string text = "";
    long server = json.Text("checked_at", text) ? LicenseTime(text) : 0;
    if(server == 0)
        server = clock;
    long difference = clock > server ? clock - server : server - clock;
    state.clockOffset = difference > LICENSE_CLOCK_TOLERANCE_SECONDS ? clock - server : 0;
    state.highestTime = state.clockOffset == 0 && clock > server ? clock : server;
    state.problem = "";
    state.problemDetail = "";
    state.entitlement = LicenseEntitlementOf(json, state.entitlement);
    if(!json.Text("detail", state.detail))
        json.Text("code", state.detail);
    text = "";
    state.closeOnlyUntil = json.Text("close_only_until", text) ? LicenseTime(text) : 0;
    if(json.Text("subscription_id", text) && text != state.subscription)
    {
        state.subscription = text;
        state.lease = "";
    }
    if(state.entitlement != "FULL")
    {
        state.lease = "";
        state.fullUntil = 0;
        state.refusedAt = server;
        return;
    }
    state.fullUntil = state.highestTime + LICENSE_GRACE_SECONDS;
    LicenseLeaseUse use;
    LicenseLease lease;
    use.keys = keys;
    use.device = device;
    use.subscription = state.subscription;
    use.newestIssuedAt = state.newestIssuedAt;
    use.refusedAt = state.refusedAt;
    if(json.Text("lease", text) && reader.Verify(text, use, server, lease) == "")
    {
        state.lease = text;
        state.newestIssuedAt = lease.issuedAt;
    }
}

string LicenseProblemOf(const LicenseAnswer &answer, string &detail)
{
    detail = "";
    if(answer.status == 0)
    {
        if(answer.fault != "URL_NOT_ALLOWED")
            return "NO_ANSWER";
        detail = answer.body;
        return "URL_NOT_ALLOWED";
    }
    if(answer.status == 429 || (answer.status >= 500 && answer.status != 511))
        return "SERVER_ERROR";
    LicenseJson json;
    string code = "";
    bool isProblem = answer.status >= 400 && json.ReadObject(answer.body) && json.Text("code", code) && json.Text("detail", detail);
    return isProblem ? "REJECTED" : "NOT_THE_SERVER";
}

// elapsed: seconds since the previous decision of this process, by a clock that nobody can set; 0 for the first.
// clock: the time that this computer shows. hasAnswer: whether there is a new answer. Otherwise only time has passed.
void LicenseDecide(LicenseState &state, const bool hasAnswer, const LicenseAnswer &answer, const long clock, const long elapsed,
    const string keys, const string device, LicenseLeaseReader &reader, LicenseDecision &decision)
{
    long now = clock - state.clockOffset;
    // While the clock is behind, the highest time goes on by itself, so that a clock that is set back again and again gains nothing.
    if(now < state.highestTime - LICENSE_CLOCK_TOLERANCE_SECONDS)
        state.highestTime += elapsed;
    else if(now > state.highestTime)
        state.highestTime = now;
    if(hasAnswer)
    {
        LicenseJson json;
        if(LicenseIsVerdict(answer, json))
            LicenseApplyVerdict(state, json, clock, keys, device, reader);
        else
            state.problem = LicenseProblemOf(answer, state.problemDetail);
    }

    now = clock - state.clockOffset;
    bool isBehind = now < state.highestTime - LICENSE_CLOCK_TOLERANCE_SECONDS;
    long time = state.highestTime;
    decision.problem = isBehind || (state.problem == "" && state.clockOffset != 0) ? "CLOCK_WRONG" : state.problem;
    string problem = LicenseProblemText(decision.problem, state.problemDetail);
    string text = "";
    bool isEnded = state.entitlement == "CLOSE_ONLY" && state.closeOnlyUntil > 0 && time >= state.closeOnlyUntil;
    if(state.entitlement == "")
    {
        decision.entitlement = "NONE";
        decision.message = "NOT_CHECKED";
        text = "The license has not been checked yet.";
    }
    else if(state.entitlement == "NONE" || isEnded)
    {
        decision.entitlement = "NONE";
        decision.message = "REFUSED";
        text = LicenseSentence(state.detail);
    }
    else if(state.entitlement == "CLOSE_ONLY")
    {
        decision.entitlement = "CLOSE_ONLY";
        decision.message = "CLOSE_ONLY";
        text = LicenseSentence(state.detail) + " Open positions are managed and closed"
            + (state.closeOnlyUntil > 0 ? " until " + LicenseMinute(state.closeOnlyUntil) : "") + "; no position is opened.";
    }
    else
    {
        LicenseLeaseUse use;
        LicenseLease lease;
        use.keys = keys;
        use.device = device;
        use.subscription = state.subscription;
        use.newestIssuedAt = state.newestIssuedAt;
        use.refusedAt = state.refusedAt;
        bool isLeased = !isBehind && reader.Verify(state.lease, use, time, lease) == "";
        long until = state.fullUntil;
        if(isLeased)
        {
            // If the clock becomes wrong later, the lease can't be used. FULL then ends an hour later, but never after the lease.
            state.fullUntil = time + LICENSE_GRACE_SECONDS < lease.expiresAt ? time + LICENSE_GRACE_SECONDS : lease.expiresAt;
            until = lease.expiresAt;
        }
        bool isFull = isLeased || time < state.fullUntil;
        decision.entitlement = isFull ? "FULL" : "CLOSE_ONLY";
        if(!isFull)
        {
            decision.message = "UNCONFIRMED";
            text = "No position is opened until a check succeeds; open positions are managed and closed.";
        }
        else if(state.problem == "")
        {
            decision.message = "VALID";
            text = LicenseSentence(state.detail);
        }
        else
        {
            decision.message = isLeased ? "LEASE" : "KEPT";
            text = (isLeased ? "Trading continues with the saved lease, at most until " : "Trading continues at most until ")
                + LicenseMinute(until) + ".";
        }
    }
    decision.text = problem + (problem == "" ? "" : " ") + text;
}

#endif
