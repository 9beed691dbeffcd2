//! Reads and quotes JSON. A server that may use crates takes `serde_json` instead.

use std::collections::HashMap;

#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Json>),
    Object(HashMap<String, Json>),
}

impl Json {
    /// None if the text is not JSON, has a name twice, or is nested more than 32 deep.
    pub fn read(text: &str) -> Option<Json> {
        let mut reader = Reader {
            text: text.as_bytes(),
            at: 0,
        };
        let value = reader.value(32)?;
        reader.space();
        (reader.at == text.len()).then_some(value)
    }

    /// The field of an object; null if there is none.
    pub fn get(&self, name: &str) -> &Json {
        match self {
            Json::Object(fields) => fields.get(name).unwrap_or(&Json::Null),
            _ => &Json::Null,
        }
    }

    pub fn has(&self, name: &str) -> bool {
        matches!(self, Json::Object(fields) if fields.contains_key(name))
    }

    pub fn is_object(&self) -> bool {
        matches!(self, Json::Object(_))
    }

    pub fn text(&self) -> Option<&str> {
        match self {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }

    /// None for a fraction, a negative number, and one that a double can't hold exactly.
    pub fn whole(&self) -> Option<u64> {
        match self {
            Json::Number(number) if *number >= 0.0 && *number <= 9_007_199_254_740_991.0 && number.fract() == 0.0 => Some(*number as u64),
            _ => None,
        }
    }

    pub fn list(&self) -> &[Json] {
        match self {
            Json::List(values) => values,
            _ => &[],
        }
    }
}

pub fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\0'..='\x1f' => quoted.push_str(&format!("\\u{:04x}", character as u32)),
            _ => quoted.push(character),
        }
    }
    quoted + "\""
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn space(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn skip(&mut self, expected: &str) -> Option<()> {
        self.text[self.at..]
            .starts_with(expected.as_bytes())
            .then(|| self.at += expected.len())
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        let deeper = depth.checked_sub(1)?;
        self.space();
        match self.text.get(self.at)? {
            b'n' => self.skip("null").map(|_| Json::Null),
            b't' => self.skip("true").map(|_| Json::Bool(true)),
            b'f' => self.skip("false").map(|_| Json::Bool(false)),
            b'"' => self.string().map(Json::Text),
            b'[' => {
                let mut values = vec![];
                self.items(']', |reader| Some(values.push(reader.value(deeper)?)))?;
                Some(Json::List(values))
            }
            b'{' => {
                let mut fields = HashMap::new();
                self.items('}', |reader| {
                    reader.space();
                    let name = reader.string()?;
                    reader.space();
                    reader.skip(":")?;
                    fields.insert(name, reader.value(deeper)?).is_none().then_some(())
                })?;
                Some(Json::Object(fields))
            }
            _ => self.number(),
        }
    }

    fn items(&mut self, end: char, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        let end = end.to_string();
        self.at += 1;
        self.space();
        if self.skip(&end).is_some() {
            return Some(());
        }
        loop {
            item(self)?;
            self.space();
            if self.skip(&end).is_some() {
                return Some(());
            }
            self.skip(",")?;
        }
    }

    fn number(&mut self) -> Option<Json> {
        let from = self.at;
        while matches!(self.text.get(self.at), Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')) {
            self.at += 1;
        }
        let number: f64 = std::str::from_utf8(&self.text[from..self.at]).ok()?.parse().ok()?;
        number.is_finite().then_some(Json::Number(number))
    }

    fn string(&mut self) -> Option<String> {
        self.skip("\"")?;
        let mut bytes = vec![];
        loop {
            let byte = *self.text.get(self.at)?;
            self.at += 1;
            match byte {
                b'"' => return String::from_utf8(bytes).ok(),
                b'\\' => bytes.extend(self.escaped()?.to_string().bytes()),
                0..=0x1f => return None,
                _ => bytes.push(byte),
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        let byte = *self.text.get(self.at)?;
        self.at += 1;
        Some(match byte {
            b'"' | b'\\' | b'/' => byte as char,
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let high = self.unit()?;
                if !(0xd800..0xdc00).contains(&high) {
                    return char::from_u32(high);
                }
                self.skip("\\u")?;
                let low = self.unit()?;
                (0xdc00..0xe000)
                    .contains(&low)
                    .then(|| char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)))??
            }
            _ => return None,
        })
    }

    fn unit(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        digits
            .iter()
            .try_fold(0, |unit, &digit| Some(unit << 4 | (digit as char).to_digit(16)?))
    }
}
