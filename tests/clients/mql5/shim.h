// The part of MQL5 that the client uses, for g++. Arrays check their bounds, as MetaTrader does. `world` is what the terminal would be.
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <map>
#include <string>
#include <vector>

static_assert(sizeof(long) == 8, "MQL5's long has 64 bits");
typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;
typedef long datetime;

[[noreturn]] inline void OutOfRange(int index, int size)
{
    std::fprintf(stderr, "array index %d of %d\n", index, size);
    std::abort();
}

template <class T> struct List
{
    std::vector<T> items;
    T &operator[](int i) { Check(i); return items[i]; }
    const T &operator[](int i) const { Check(i); return items[i]; }
    void Check(int i) const { if(i < 0 || i >= (int)items.size()) OutOfRange(i, (int)items.size()); }
};

template <class T, int N> struct Fixed
{
    T items[N];
    T &operator[](int i) { if(i < 0 || i >= N) OutOfRange(i, N); return items[i]; }
    const T &operator[](int i) const { if(i < 0 || i >= N) OutOfRange(i, N); return items[i]; }
};

#define LC_ARRAY(type, name) List<type> &name
#define LC_CONST_ARRAY(type, name) const List<type> &name
#define LC_LIST(type, name) List<type> name
#define LC_FIXED(type, name, size) Fixed<type, size> name
#define LC_TABLE(type, name, size) const Fixed<type, size> name
#define input static

template <class T> int ArraySize(const List<T> &list) { return (int)list.items.size(); }
template <class T> int ArrayResize(List<T> &list, int size) { list.items.resize(size); return size; }

inline std::u16string FromUtf8(const std::string &bytes)
{
    std::u16string text;
    for(size_t i = 0; i < bytes.size();)
    {
        uchar lead = bytes[i++];
        int more = lead < 0x80 ? 0 : lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
        uint32_t code = more == 0 ? lead : lead & (0x3f >> more);
        for(; more > 0 && i < bytes.size(); more--)
            code = code << 6 | (bytes[i++] & 0x3f);
        if(code < 0x10000)
            text += (char16_t)code;
        else
        {
            text += (char16_t)(0xd800 + ((code - 0x10000) >> 10));
            text += (char16_t)(0xdc00 + ((code - 0x10000) & 0x3ff));
        }
    }
    return text;
}

inline std::string ToUtf8(const std::u16string &text)
{
    std::string bytes;
    for(size_t i = 0; i < text.size(); i++)
    {
        uint32_t code = text[i];
        if(code >= 0xd800 && code < 0xdc00 && i + 1 < text.size())
            code = 0x10000 + ((code - 0xd800) << 10) + (text[++i] - 0xdc00);
        int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
        bytes += (char)(more == 0 ? code : ((0xff00 >> (more + 1)) & 0xff) | (code >> (6 * more)));
        for(int k = more - 1; k >= 0; k--)
            bytes += (char)(0x80 | ((code >> (6 * k)) & 0x3f));
    }
    return bytes;
}

class string
{
public:
    std::u16string text;
    string() {}
    string(const char *utf8) : text(FromUtf8(utf8)) {}
    string(const std::u16string &other) : text(other) {}
    string &operator+=(const string &other) { text += other.text; return *this; }
};

inline string operator+(const string &a, const string &b) { return string(a.text + b.text); }
inline bool operator==(const string &a, const string &b) { return a.text == b.text; }
inline bool operator!=(const string &a, const string &b) { return a.text != b.text; }
inline bool operator<(const string &a, const string &b) { return a.text < b.text; }

inline int StringLen(const string &s) { return (int)s.text.size(); }
inline ushort StringGetCharacter(const string &s, int i)
{
    if(i < 0 || i >= StringLen(s))
        OutOfRange(i, StringLen(s));
    return s.text[i];
}
inline string StringSubstr(const string &s, int from, int length = -1)
{
    if(from >= StringLen(s))
        return string();
    return string(s.text.substr(from, length <= 0 ? std::u16string::npos : length)); // 0 as in the builds where it means -1
}
inline int StringFind(const string &s, const string &part, int from = 0)
{
    size_t at = s.text.find(part.text, from);
    return at == std::u16string::npos ? -1 : (int)at;
}
inline int StringReplace(string &s, const string &from, const string &to)
{
    int count = 0;
    for(size_t at = 0; (at = s.text.find(from.text, at)) != std::u16string::npos; at += to.text.size(), count++)
        s.text.replace(at, from.text.size(), to.text);
    return count;
}
inline bool StringToLower(string &s)
{
    for(char16_t &c : s.text)
        if(c >= u'A' && c <= u'Z')
            c += 32;
    return true;
}
inline int StringTrimLeft(string &s)
{
    size_t at = s.text.find_first_not_of(u" \t\r\n");
    s.text.erase(0, at == std::u16string::npos ? s.text.size() : at);
    return 0;
}
inline string ShortToString(ushort c) { return string(std::u16string(1, (char16_t)c)); }
inline string IntegerToString(long n) { return string(std::to_string(n).c_str()); }
inline long StringToInteger(const string &s) { return std::strtol(ToUtf8(s.text).c_str(), nullptr, 10); }

enum { CP_UTF8 = 65001 };
inline int StringToCharArray(const string &s, List<uchar> &bytes, int, int, uint)
{
    std::string utf8 = ToUtf8(s.text);
    bytes.items.assign(utf8.begin(), utf8.end());
    bytes.items.push_back(0);
    return ArraySize(bytes);
}
inline string CharArrayToString(const List<uchar> &bytes, int from, int count, uint)
{
    std::string utf8(bytes.items.begin() + from, bytes.items.begin() + from + count);
    return string(FromUtf8(utf8.substr(0, utf8.find('\0'))));
}

enum { TIME_DATE = 1, TIME_MINUTES = 2 };
inline string TimeToString(datetime time, int)
{
    char text[32];
    std::time_t seconds = time;
    std::tm parts;
    gmtime_r(&seconds, &parts);
    std::strftime(text, sizeof text, "%Y.%m.%d %H:%M", &parts);
    return string(text);
}

struct WebAnswer
{
    int status = -1; // -1: none, and the error code says why
    int error = 5203;
    std::string body;
    std::string headers;
};

struct World
{
    long utc = 1800000000;
    ulong tick = 1000000;
    long account = 1001;
    bool tester = false;
    int error = 0;
    int random = 1;
    std::map<std::string, std::string> files;
    std::vector<std::string> printed;
    std::string comment; // on the chart
    std::function<WebAnswer(const std::string &method, const std::string &url, const std::string &headers, int timeout,
        const std::string &body)> web;
    std::map<int, std::pair<std::string, bool>> open;
};
inline World world;

enum { ACCOUNT_LOGIN, MQL_TESTER, INIT_SUCCEEDED = 0 };
inline long AccountInfoInteger(int) { return world.account; }
inline int MQLInfoInteger(int) { return world.tester; }
inline long ChartID() { return 77; }
inline datetime TimeGMT() { return world.utc; }
inline datetime TimeLocal() { return world.utc + 7200; }
inline ulong GetTickCount64() { return world.tick; }
inline ulong GetMicrosecondCount() { return world.tick * 1000 + 7; }
inline void MathSrand(int seed) { world.random = seed; }
inline int MathRand() { return (world.random = (int)((uint)world.random * 1103515245u + 12345u)) >> 16 & 0x7fff; }
inline void ResetLastError() { world.error = 0; }
inline int GetLastError() { return world.error; }
inline bool EventSetTimer(int) { return true; }
inline void EventKillTimer() {}

inline std::string Shown(const string &s) { return ToUtf8(s.text); }
inline std::string Shown(const char *s) { return s; }
template <class... T> void Print(const T &...parts) { world.printed.push_back((Shown(parts) + ...)); }
template <class... T> void Comment(const T &...parts) { world.comment = (Shown(parts) + ...); }

inline int WebRequest(const string &method, const string &url, const string &headers, int timeout, const List<char> &data,
    List<char> &result, string &resultHeaders)
{
    WebAnswer answer = world.web(Shown(method), Shown(url), Shown(headers), timeout, std::string(data.items.begin(), data.items.end()));
    world.error = answer.status == -1 ? answer.error : 0;
    result.items.assign(answer.body.begin(), answer.body.end());
    resultHeaders = string(answer.headers.c_str());
    return answer.status;
}

enum { FILE_READ = 1, FILE_WRITE = 2, FILE_BIN = 4, FILE_SHARE_READ = 8, FILE_REWRITE = 16, INVALID_HANDLE = -1 };
inline bool FileIsExist(const string &name) { return world.files.count(Shown(name)) > 0; }
inline int FileOpen(const string &name, int flags)
{
    static int handles = 0;
    if((flags & FILE_WRITE) == 0 && !FileIsExist(name))
        return INVALID_HANDLE;
    if(flags & FILE_WRITE)
        world.files[Shown(name)] = "";
    world.open[++handles] = {Shown(name), (flags & FILE_WRITE) != 0};
    return handles;
}
inline uint FileWriteArray(int handle, const List<uchar> &bytes, int from, int count)
{
    world.files[world.open.at(handle).first].assign(bytes.items.begin() + from, bytes.items.begin() + from + count);
    return count;
}
inline uint FileReadArray(int handle, List<uchar> &bytes)
{
    const std::string &content = world.files[world.open.at(handle).first];
    bytes.items.assign(content.begin(), content.end());
    return (uint)content.size();
}
inline void FileClose(int handle) { world.open.erase(handle); }
inline bool FileMove(const string &from, int, const string &to, int)
{
    world.files[Shown(to)] = world.files[Shown(from)];
    return world.files.erase(Shown(from)) > 0;
}
