// Reads one level of a JSON text (RFC 8259): the members of an object or the items of an array. The whole text must be valid.
#ifndef LICENSE_JSON_MQH
#define LICENSE_JSON_MQH
#include "Portable.mqh"

class LicenseJson
{
private:
    string m_text;
    int m_at;
    int m_length;
    int m_count;
    LC_LIST(string, m_names); // of an object
    LC_LIST(string, m_raws);  // the JSON text of each value

    ushort Next() const { return m_at < m_length ? StringGetCharacter(m_text, m_at) : (ushort)0; }

    void SkipSpace()
    {
        while(m_at < m_length && (Next() == ' ' || Next() == '\t' || Next() == '\r' || Next() == '\n'))
            m_at++;
    }

    bool Accept(const ushort c)
    {
        SkipSpace();
        if(m_at >= m_length || Next() != c)
            return false;
        m_at++;
        return true;
    }

    bool SkipWord(const string word)
    {
        if(LicenseCut(m_text, m_at, StringLen(word)) != word)
            return false;
        m_at += StringLen(word);
        return true;
    }

    bool SkipDigits()
    {
        int from = m_at;
        while(m_at < m_length && Next() >= '0' && Next() <= '9')
            m_at++;
        return m_at > from;
    }

    bool SkipNumber()
    {
        if(Next() == '-')
            m_at++;
        if(Next() == '0')
            m_at++;
        else if(!SkipDigits())
            return false;
        if(Next() == '.')
        {
            m_at++;
            if(!SkipDigits())
                return false;
        }
        if(Next() == 'e' || Next() == 'E')
        {
            m_at++;
            if(Next() == '+' || Next() == '-')
                m_at++;
            if(!SkipDigits())
                return false;
        }
        return true;
    }

    bool SkipText()
    {
        if(!Accept('"'))
            return false;
        while(m_at < m_length)
        {
            ushort c = Next();
            m_at++;
            if(c == '"')
                return true;
            if(c < 32)
                return false;
            if(c != '\\')
                continue;
            c = Next();
            m_at++;
            if(c == 'u')
            {
                for(int i = 0; i < 4; i++)
                {
                    if(HexValue(Next()) < 0)
                        return false;
                    m_at++;
                }
            }
            else if(c != '"' && c != '\\' && c != '/' && c != 'b' && c != 'f' && c != 'n' && c != 'r' && c != 't')
                return false;
        }
        return false;
    }

    bool SkipValue(const int depth)
    {
        SkipSpace();
        ushort c = Next();
        if(depth > 32 || m_at >= m_length)
            return false;
        if(c == '"')
            return SkipText();
        if(c == '{' || c == '[')
            return SkipItems(c == '{', depth, false);
        if(c == 't')
            return SkipWord("true");
        if(c == 'f')
            return SkipWord("false");
        if(c == 'n')
            return SkipWord("null");
        return SkipNumber();
    }

    bool SkipItems(const bool isObject, const int depth, const bool keep)
    {
        ushort end = isObject ? (ushort)'}' : (ushort)']';
        m_at++;
        if(Accept(end))
            return true;
        do
        {
            string name = "";
            if(isObject)
            {
                SkipSpace();
                int from = m_at;
                if(!SkipText())
                    return false;
                name = LicenseCut(m_text, from, m_at - from);
                if(!Accept(':'))
                    return false;
            }
            SkipSpace();
            int start = m_at;
            if(!SkipValue(depth + 1))
                return false;
            if(keep)
            {
                ArrayResize(m_names, m_count + 1);
                ArrayResize(m_raws, m_count + 1);
                m_names[m_count] = Unescape(name);
                m_raws[m_count] = LicenseCut(m_text, start, m_at - start);
                m_count++;
            }
        }
        while(Accept(','));
        return Accept(end);
    }

    bool Read(const string text, const ushort start)
    {
        m_text = text;
        m_at = 0;
        m_count = 0;
        m_length = StringLen(text);
        SkipSpace();
        bool valid = m_at < m_length && Next() == start && SkipItems(start == '{', 0, true);
        SkipSpace();
        if(!valid || m_at != m_length)
            m_count = 0;
        return valid && m_at == m_length;
    }

    static int HexValue(const ushort c)
    {
        if(c >= '0' && c <= '9')
            return c - '0';
        if(c >= 'a' && c <= 'f')
            return c - 'a' + 10;
        return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    }

    // The text of a valid JSON string with its quotes
    static string Unescape(const string quoted)
    {
        string text = LicenseCut(quoted, 1, StringLen(quoted) - 2);
        if(StringFind(text, "\\") < 0)
            return text;
        string plain = "";
        int from = 0;
        int length = StringLen(text);
        for(int i = 0; i < length; i++)
        {
            if(StringGetCharacter(text, i) != '\\')
                continue;
            plain += LicenseCut(text, from, i - from);
            i++;
            ushort c = StringGetCharacter(text, i);
            if(c == 'u')
            {
                int code = 0;
                for(int k = 1; k <= 4; k++)
                    code = code * 16 + HexValue(StringGetCharacter(text, i + k));
                i += 4;
                plain += ShortToString((ushort)code);
            }
            else
                plain += ShortToString((ushort)(c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c == 'b' ? 8 : c == 'f' ? 12 : c));
            from = i + 1;
        }
        return plain + LicenseCut(text, from, length - from);
    }

    // If a name occurs twice, the last one counts, as in JavaScript and .NET.
    string Value(const string name) const
    {
        for(int i = m_count - 1; i >= 0; i--)
            if(m_names[i] == name)
                return m_raws[i];
        return "";
    }

public:
    bool ReadObject(const string text) { return Read(text, '{'); }

    bool ReadArray(const string text) { return Read(text, '['); }

    int Count() const { return m_count; }

    string Item(const int index) const { return m_raws[index]; }

    bool Has(const string name) const { return Value(name) != "" && Value(name) != "null"; }

    string Raw(const string name) const { return Value(name); }

    // These return false if the value is missing or has another type.
    bool Text(const string name, string &text) const
    {
        string raw = Value(name);
        if(raw == "" || StringGetCharacter(raw, 0) != '"')
            return false;
        text = Unescape(raw);
        return true;
    }

    bool Flag(const string name, bool &flag) const
    {
        string raw = Value(name);
        flag = raw == "true";
        return flag || raw == "false";
    }

    bool Whole(const string name, long &number) const
    {
        string raw = Value(name);
        int length = StringLen(raw);
        int first = length > 1 && StringGetCharacter(raw, 0) == '-' ? 1 : 0;
        if(length == 0 || length > 15)
            return false;
        for(int i = first; i < length; i++)
            if(StringGetCharacter(raw, i) < '0' || StringGetCharacter(raw, i) > '9')
                return false;
        number = StringToInteger(raw);
        return true;
    }

    // The text as a JSON string
    static string Quote(const string text)
    {
        string quoted = "\"";
        int from = 0;
        int length = StringLen(text);
        for(int i = 0; i < length; i++)
        {
            ushort c = StringGetCharacter(text, i);
            if(c >= 32 && c != '"' && c != '\\')
                continue;
            quoted += LicenseCut(text, from, i - from);
            quoted += c == '"' ? "\\\"" : c == '\\' ? "\\\\" : c < 32 ? "\\u00" + LicenseCut("01", c / 16, 1)
                + LicenseCut("0123456789abcdef", c % 16, 1) : "";
            from = i + 1;
        }
        return quoted + LicenseCut(text, from, length - from) + "\"";
    }
};

#endif
