// License checks for an expert advisor. Call Init in OnInit, and OnTimer in OnTimer, once per second (EventSetTimer(1)).
// The client never trades, never removes the expert advisor, and calls the network only in OnTimer.
#ifndef LICENSE_LICENSECLIENT_MQH
#define LICENSE_LICENSECLIENT_MQH
#include "LicenseClient/Decision.mqh"

#define LICENSE_TIMEOUT_MS 3000
#define LICENSE_CHECK_SECONDS 300
#define LICENSE_FIRST_RETRY_SECONDS 15
#define LICENSE_LONGEST_WAIT_SECONDS 400 // and up to a half of it more, at random
#define LICENSE_LARGEST_ANSWER 65536

class CLicenseClient
{
private:
    string m_url;
    string m_token;
    string m_ea;
    long m_account;
    bool m_tester;
    bool m_pinned;        // the keys are those of the author
    string m_issuer;
    string m_keys;        // the text of jwks.json
    string m_file;
    LicenseState m_state;
    LicenseDecision m_decision;
    LicenseLeaseReader m_reader;
    bool m_hasDecided;
    ulong m_decidedTick;  // milliseconds
    ulong m_nextCheckTick;
    ulong m_nextKeysTick;
    int m_failures;
    int m_nonces;
    string m_lastText;

    void Decide(const bool hasAnswer, const LicenseAnswer &answer)
    {
        ulong tick = GetTickCount64();
        long elapsed = m_hasDecided ? (long)((tick - m_decidedTick) / 1000) : -1;
        m_decidedTick = m_hasDecided ? m_decidedTick + (ulong)elapsed * 1000 : tick;
        m_hasDecided = true;
        LicenseDecide(m_state, hasAnswer, answer, (long)TimeGMT(), elapsed, m_keys, m_issuer, LicenseDeviceHash(m_ea, m_account), m_reader,
            m_decision);
        if(m_decision.text != m_lastText)
            Print("License: ", m_decision.entitlement, ". ", m_decision.text);
        m_lastText = m_decision.text;
    }

    void DecideByTime()
    {
        LicenseAnswer none;
        none.status = 0;
        none.fault = "";
        none.body = "";
        none.nonce = "";
        Decide(false, none);
    }

    // Random delay: clients must not all retry at the same moment after an outage
    ulong WaitTicks(const bool isVerdict, const int retryAfter)
    {
        long jitter = MathRand() % 1000;
        if(isVerdict)
            return (ulong)(LICENSE_CHECK_SECONDS * (1000 - jitter / 10));
        long seconds = LICENSE_FIRST_RETRY_SECONDS;
        for(int i = 1; i < m_failures && seconds < LICENSE_CHECK_SECONDS; i++)
            seconds *= 2;
        if(seconds > LICENSE_CHECK_SECONDS)
            seconds = LICENSE_CHECK_SECONDS;
        if(retryAfter > seconds)
            seconds = retryAfter;
        if(seconds > LICENSE_LONGEST_WAIT_SECONDS)
            seconds = LICENSE_LONGEST_WAIT_SECONDS;
        return (ulong)(seconds * (1000 + jitter / 2));
    }

    string NewNonce()
    {
        m_nonces++;
        string seed = IntegerToString(ChartID()) + " " + IntegerToString((long)GetMicrosecondCount()) + " "
            + IntegerToString((long)GetTickCount64()) + " " + IntegerToString((long)TimeLocal()) + " " + IntegerToString(m_nonces) + " "
            + IntegerToString(MathRand()) + " " + IntegerToString(MathRand()) + " " + m_file;
        return HashHex(seed, 16);
    }

    static string HashHex(const string text, const int bytes)
    {
        LC_LIST(uchar, data);
        LC_LIST(uchar, hash);
        LicenseBytes(text, data);
        LicenseSha256(data, hash);
        return LicenseHex(hash, bytes);
    }

    void Request(const string method, const string path, const string headers, const string body, LicenseAnswer &answer, int &retryAfter)
    {
        LC_LIST(uchar, bytes);
        LC_LIST(char, data);
        LC_LIST(char, result);
        string resultHeaders = "";
        LicenseBytes(body, bytes);
        ArrayResize(data, ArraySize(bytes));
        for(int i = 0; i < ArraySize(bytes); i++)
            data[i] = (char)bytes[i];

        ResetLastError();
        int status = WebRequest(method, m_url + path, headers, LICENSE_TIMEOUT_MS, data, result, resultHeaders);
        answer.status = status > 0 ? status : 0;
        answer.fault = status == -1 && GetLastError() == 4014 ? "URL_NOT_ALLOWED" : "";
        answer.body = answer.fault == "" ? "" : m_url;
        int size = ArraySize(result);
        if(status > 0 && size > 0 && size <= LICENSE_LARGEST_ANSWER)
        {
            ArrayResize(bytes, size);
            for(int i = 0; i < size; i++)
                bytes[i] = (uchar)result[i];
            answer.body = CharArrayToString(bytes, 0, size, CP_UTF8);
        }
        retryAfter = 0;
        StringToLower(resultHeaders);
        int at = StringFind(resultHeaders, "retry-after:");
        if(at >= 0)
        {
            string value = LicenseCut(resultHeaders, at + 12, 8);
            StringTrimLeft(value);
            retryAfter = (int)StringToInteger(value);
        }
    }

    void Check()
    {
        LicenseAnswer answer;
        int retryAfter = 0;
        answer.nonce = NewNonce();
        string body = "{\"ea_instance_id\":" + LicenseJson::Quote(m_ea) + ",\"mt5_account_number\":" + IntegerToString(m_account)
            + ",\"nonce\":\"" + answer.nonce + "\"}";
        string headers = "Content-Type: application/json\r\nAuthorization: License " + m_token + "\r\n";
        Request("POST", "/api/v1/licenses/validate", headers, body, answer, retryAfter);
        Decide(true, answer);
        bool isVerdict = m_state.problem == "";
        m_failures = isVerdict ? 0 : m_failures + 1;
        // Retry-After counts only if this backend sent it.
        m_nextCheckTick = GetTickCount64() + WaitTicks(isVerdict, m_state.problemDetail == "" ? 0 : retryAfter);
        Save();
    }

    // Without pinned keys the server's are fetched, again every hour, because they change.
    void FetchKeys()
    {
        LicenseAnswer answer;
        LicenseJson json;
        int retryAfter = 0;
        Request("GET", "/.well-known/jwks.json", "", "", answer, retryAfter);
        bool isFetched = answer.status == 200 && json.ReadObject(answer.body) && json.Has("keys");
        if(isFetched)
            m_keys = answer.body;
        m_nextKeysTick = GetTickCount64() + (ulong)(isFetched ? 3600 : 300) * 1000;
    }

    void Save()
    {
        string text = "{\"version\":1,\"entitlement\":" + LicenseJson::Quote(m_state.entitlement)
            + ",\"detail\":" + LicenseJson::Quote(m_state.detail) + ",\"subscription\":" + LicenseJson::Quote(m_state.subscription)
            + ",\"lease\":" + LicenseJson::Quote(m_state.lease) + ",\"close_only_until\":" + IntegerToString(m_state.closeOnlyUntil)
            + ",\"clock_offset\":" + IntegerToString(m_state.clockOffset) + ",\"full_until\":" + IntegerToString(m_state.fullUntil)
            + ",\"highest_time\":" + IntegerToString(m_state.highestTime) + ",\"server_time\":" + IntegerToString(m_state.serverTime)
            + ",\"newest_iat\":" + IntegerToString(m_state.newestIssuedAt) + ",\"refused_at\":" + IntegerToString(m_state.refusedAt)
            + ",\"keys\":" + LicenseJson::Quote(m_pinned ? "" : m_keys) + "}";
        LC_LIST(uchar, bytes);
        LicenseBytes(text, bytes);
        // Written to a temporary file first: a crash must not truncate the saved state.
        string temporary = m_file + "." + IntegerToString(ChartID());
        int handle = FileOpen(temporary, FILE_WRITE | FILE_BIN);
        if(handle == INVALID_HANDLE)
            return;
        bool isWritten = FileWriteArray(handle, bytes, 0, ArraySize(bytes)) == (uint)ArraySize(bytes);
        FileClose(handle);
        if(isWritten)
            FileMove(temporary, 0, m_file, FILE_REWRITE);
    }

    // False if it is there, and of another type
    static bool LoadText(const LicenseJson &json, const string name, string &text) { return json.Text(name, text) || json.Raw(name) == ""; }

    static bool LoadTime(const LicenseJson &json, const string name, long &time)
    {
        return (json.Whole(name, time) && time < LICENSE_END_OF_TIME && time > -LICENSE_END_OF_TIME) || json.Raw(name) == "";
    }

    // A missing or damaged file counts as no file.
    void Load()
    {
        LicenseClear(m_state);
        if(!FileIsExist(m_file))
            return;
        int handle = FileOpen(m_file, FILE_READ | FILE_BIN | FILE_SHARE_READ);
        if(handle == INVALID_HANDLE)
            return;
        LC_LIST(uchar, bytes);
        FileReadArray(handle, bytes);
        FileClose(handle);
        LicenseJson json;
        if(ArraySize(bytes) == 0 || !json.ReadObject(CharArrayToString(bytes, 0, ArraySize(bytes), CP_UTF8)))
            return;
        bool isGood = LoadText(json, "entitlement", m_state.entitlement) && LoadText(json, "detail", m_state.detail)
            && LoadText(json, "subscription", m_state.subscription) && LoadText(json, "lease", m_state.lease)
            && LoadTime(json, "close_only_until", m_state.closeOnlyUntil) && LoadTime(json, "clock_offset", m_state.clockOffset)
            && LoadTime(json, "full_until", m_state.fullUntil) && LoadTime(json, "highest_time", m_state.highestTime)
            && LoadTime(json, "server_time", m_state.serverTime) && LoadTime(json, "newest_iat", m_state.newestIssuedAt)
            && LoadTime(json, "refused_at", m_state.refusedAt);
        string word = m_state.entitlement;
        if(!isGood || (word != "" && word != "FULL" && word != "CLOSE_ONLY" && word != "NONE"))
            LicenseClear(m_state);
        string keys = "";
        if(json.Text("keys", keys) && !m_pinned)
            m_keys = keys;
    }

public:
    // url: of the license server, such as https://licenses.example.com. eaInstanceId: up to 100 characters; with the account's number
    // it identifies the device. keys: the text of URL/.well-known/jwks.json, to accept no other keys; "" fetches them. issuer: PUBLIC_URL
    // of the server, if it is not url.
    void Init(const string url, const string token, const string eaInstanceId, const string keys = "", const string issuer = "")
    {
        m_url = url;
        while(StringLen(m_url) > 0 && StringGetCharacter(m_url, StringLen(m_url) - 1) == '/')
            m_url = LicenseCut(m_url, 0, StringLen(m_url) - 1);
        m_issuer = issuer == "" ? m_url : issuer;
        m_token = token;
        m_ea = eaInstanceId;
        m_account = AccountInfoInteger(ACCOUNT_LOGIN);
        m_tester = MQLInfoInteger(MQL_TESTER) != 0;
        m_pinned = keys != "";
        m_keys = keys;
        m_file = "license-" + HashHex(m_token + "\n" + m_ea + "\n" + IntegerToString(m_account), 8) + ".json";
        m_hasDecided = false;
        m_decidedTick = GetTickCount64();
        m_nextCheckTick = m_decidedTick;
        m_nextKeysTick = m_decidedTick;
        m_failures = 0;
        m_nonces = 0;
        m_lastText = "";
        MathSrand((int)(GetMicrosecondCount() & 0x7fffffff));
        if(m_tester)
        {
            m_decision.entitlement = "FULL";
            m_decision.message = "TESTER";
            m_decision.problem = "";
            m_decision.text = "The strategy tester needs no license.";
            Print("License: FULL. ", m_decision.text);
            return;
        }
        Load();
        DecideByTime();
    }

    // At most one request per call, of at most 3 seconds: WebRequest blocks the expert advisor.
    void OnTimer()
    {
        if(m_tester)
            return;
        long account = AccountInfoInteger(ACCOUNT_LOGIN);
        ulong tick = GetTickCount64();
        if(account != m_account)
            Init(m_url, m_token, m_ea, m_pinned ? m_keys : "", m_issuer); // MetaTrader was not signed in, or has another account now
        else if(m_account <= 0 || (tick < m_nextCheckTick && (m_pinned || tick < m_nextKeysTick)))
            DecideByTime();
        else if(!m_pinned && tick >= m_nextKeysTick)
            FetchKeys();
        else
            Check();
    }

    // Whether positions may be opened
    bool MayOpen() const { return m_decision.entitlement == "FULL"; }

    // Whether open positions may be managed and closed
    bool MayManage() const { return m_decision.entitlement == "FULL" || m_decision.entitlement == "CLOSE_ONLY"; }

    // FULL, CLOSE_ONLY or NONE
    string Entitlement() const { return m_decision.entitlement; }

    // What to tell the user
    string Text() const { return m_decision.text; }
};

#endif
