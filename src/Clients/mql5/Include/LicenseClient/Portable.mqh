// What MQL5 and C++ write differently. The tests compile these files with g++, which gets its own definitions from a shim.
#ifndef LICENSE_PORTABLE_MQH
#define LICENSE_PORTABLE_MQH
#ifdef __MQL5__
   #define LC_ARRAY(type, name) type &name[]               // parameter
   #define LC_CONST_ARRAY(type, name) const type &name[]   // parameter
   #define LC_LIST(type, name) type name[]                 // variable whose size changes
   #define LC_FIXED(type, name, size) type name[size]      // variable or member
   #define LC_TABLE(type, name, size) const type name[size]
#endif

// StringSubstr copies up to the end if the length is 0 in some builds of MetaTrader.
string LicenseCut(const string text, const int from, const int length)
{
    if(length <= 0)
        return "";
    return StringSubstr(text, from, length);
}

// UTF-8 without the zero at the end
void LicenseBytes(const string text, LC_ARRAY(uchar, bytes))
{
    ArrayResize(bytes, 0);
    if(StringLen(text) == 0)
        return;
    StringToCharArray(text, bytes, 0, -1, CP_UTF8);
    int size = ArraySize(bytes);
    if(size > 0 && bytes[size - 1] == 0)
        ArrayResize(bytes, size - 1);
}

string LicenseHex(LC_CONST_ARRAY(uchar, bytes), const int count)
{
    const string digits = "0123456789abcdef";
    string text = "";
    for(int i = 0; i < count; i++)
        text += LicenseCut(digits, bytes[i] / 16, 1) + LicenseCut(digits, bytes[i] % 16, 1);
    return text;
}

#endif
