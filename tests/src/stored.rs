//! Forms in which rows are stored, frozen: one file for each row below tests/vectors/stored.
//!
//! A vault and a store that were written once are read for ever. So a row that changes its form, its number or its key is
//! to be seen by whoever reviews the change: as a file that is new or that differs. Which rows there are, and what stands
//! in them, is said beside the rows, by crates that give their [`Form`]s to [`check`]. Of every form there is one value,
//! in which no field is as it would be if nobody had set it.
//!
//! `ALCOVE_WRITE_STORED=1` writes the files anew.

mod fields;
mod source;

pub use source::{Declared, declared};

use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, path::PathBuf};

/// Whether bytes are read as a certain value.
type Reads = Box<dyn Fn(&[u8]) -> bool>;

/// One row as it is stored: what a vault seals, what a database is given.
pub struct Form {
    /// Name of its file.
    file: String,
    /// Name of its type; for what has none, what it is.
    row: String,
    place: Option<Place>,
    /// Bytes before the message, or all of them where there is none.
    opaque_bytes: usize,
    bytes: Vec<u8>,
    reads: Reads,
}

/// Where a row lies.
struct Place {
    /// What the number is of: "room" or "kind".
    label: &'static str,
    number: u8,
    key: Vec<u8>,
    /// The text that the key, or the part of it that hides a name, is a tag of.
    tag_of: Option<String>,
}

impl Form {
    /// A protobuf message. `reads`: whether bytes are read as the very value that `bytes` were made from.
    pub fn message<M>(bytes: Vec<u8>, reads: impl Fn(&[u8]) -> bool + 'static) -> Self {
        let name = std::any::type_name::<M>();
        let row = name.rsplit("::").next().unwrap_or(name);
        let file = snake_case(row.strip_suffix("Row").unwrap_or(row));
        Self { file, row: row.to_owned(), place: None, opaque_bytes: 0, bytes, reads: Box::new(reads) }
    }

    /// Bytes that are no message of this crate.
    pub fn opaque(what: &str, bytes: Vec<u8>) -> Self {
        let expected = bytes.clone();
        let reads = Box::new(move |read: &[u8]| read == expected);
        let opaque_bytes = bytes.len();
        Self { file: snake_case(what), row: what.to_owned(), place: None, opaque_bytes, bytes, reads }
    }

    /// The first `count` bytes stand before the message.
    pub fn behind(self, count: usize) -> Self {
        Self { opaque_bytes: count, ..self }
    }

    /// The file has this name, of which several are of one type.
    pub fn called(self, name: &str) -> Self {
        Self { file: snake_case(name), ..self }
    }

    /// It lies under `key`, in the room or among the rows of the kind with that number.
    pub fn at(self, label: &'static str, number: u8, key: &[u8]) -> Self {
        Self { place: Some(Place { label, number, key: key.to_vec(), tag_of: None }), ..self }
    }

    /// Its key hides `text`.
    pub fn by_tag_of(mut self, text: &str) -> Self {
        if let Some(place) = &mut self.place {
            place.tag_of = Some(text.to_owned());
        }
        self
    }

    /// The number of the room or kind, where it lies in one.
    pub fn number(&self) -> Option<u8> {
        self.place.as_ref().map(|place| place.number)
    }

    /// The numbers of the fields that are set in it.
    fn tags(&self) -> BTreeSet<u64> {
        let message = self.bytes.get(self.opaque_bytes..).unwrap_or_default();
        fields::split(message).unwrap_or_default().into_iter().map(|(tag, _)| tag).collect()
    }

    /// What its file says. A field is a line, so that a review shows which one has changed.
    fn to_json(&self) -> Value {
        let (head, message) = self.bytes.split_at(self.opaque_bytes.min(self.bytes.len()));
        let mut lines = Vec::new();
        if !head.is_empty() {
            lines.push(hex(head));
        }
        match fields::split(message) {
            Some(fields) => lines.extend(fields.iter().map(|(tag, bytes)| format!("{tag}: {}", hex(bytes)))),
            None => lines.push(hex(message)),
        }
        let mut form = json!({ "row": self.row, "bytes": lines });
        if let Some(place) = &self.place {
            form[place.label] = place.number.into();
            form["key"] = hex(&place.key).into();
            if let Some(text) = &place.tag_of {
                form["tag_of"] = text.as_str().into();
            }
        }
        form
    }
}

/// A folder of forms.
pub struct Forms(PathBuf);

impl Forms {
    /// Those of one family: "vault", "store".
    pub fn of(family: &str) -> Self {
        Self([env!("CARGO_MANIFEST_DIR"), "vectors", "stored", family].iter().collect())
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.join(format!("{file}.json"))
    }

    fn read(&self, file: &str) -> Result<Value, String> {
        let text = fs::read(self.path(file)).map_err(|error| error.to_string())?;
        serde_json::from_slice(&text).map_err(|error| error.to_string())
    }

    /// The key that the file of that name says.
    pub fn key(&self, file: &str) -> Vec<u8> {
        let form = self.read(file).unwrap_or_else(|error| panic!("{file}: {error}"));
        let key = form["key"].as_str().unwrap_or_else(|| panic!("{file} says no key"));
        unhex(key).unwrap_or_else(|| panic!("{file}: the key is no hexadecimal number"))
    }

    /// The text that a tag in that key hides.
    pub fn tag_of(&self, file: &str) -> String {
        let form = self.read(file).unwrap_or_else(|error| panic!("{file}: {error}"));
        form["tag_of"].as_str().unwrap_or_else(|| panic!("{file} says no text")).to_owned()
    }

    /// The fields of the message in the file of that name, each with its number and all of its bytes: for what reads a form
    /// that nothing writes any more.
    pub fn fields(&self, file: &str) -> Vec<(u64, Vec<u8>)> {
        let form = self.read(file).unwrap_or_else(|error| panic!("{file}: {error}"));
        let field = |line: &Value| {
            let (number, bytes) = line.as_str()?.split_once(": ")?;
            Some((number.parse().ok()?, unhex(bytes)?))
        };
        let lines = form["bytes"].as_array().map(|lines| lines.iter().map(field).collect());
        lines.flatten().unwrap_or_else(|| panic!("{file} is no message"))
    }

    /// Writes the files of `forms`.
    fn write(&self, forms: &[Form]) {
        fs::create_dir_all(&self.0).expect("the folder of forms can be made");
        for form in forms {
            let text = serde_json::to_string_pretty(&form.to_json()).expect("JSON can be written");
            fs::write(self.path(&form.file), text + "\n").expect("a form can be written");
        }
    }

    /// What is wrong with the files, one line each: `forms` are all that there are.
    pub fn faults(&self, forms: &[Form]) -> Vec<String> {
        let mut faults = Vec::new();
        let mut named = BTreeSet::new();
        for form in forms {
            let file = &form.file;
            if !named.insert(file.clone()) {
                faults.push(format!("{file}: two forms have this name"));
            }
            match self.read(file) {
                Ok(stored) if stored != form.to_json() => {
                    faults.push(format!("{file}: the file says {stored}, and now it is {}", form.to_json()));
                }
                Ok(_) => {}
                Err(error) => faults.push(format!("{file}: {error}")),
            }
            let stored = self.read(file).ok().and_then(|stored| bytes_of(&stored));
            if stored.is_some_and(|stored| !(form.reads)(&stored)) {
                faults.push(format!("{file}: what the file has is read as another value, or not at all"));
            }
        }
        let files = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let strays = files.filter(|file| {
            let path = file.path();
            let name = path.file_stem().map(|name| name.to_string_lossy().into_owned());
            path.extension().is_none_or(|extension| extension != "json")
                || name.is_none_or(|name| !named.contains(&name))
        });
        faults.extend(strays.map(|file| format!("{}: no row has this form", file.path().display())));
        faults
    }
}

/// Fails unless the files of `family` are those of `forms`; writes them anew when it is asked to.
#[track_caller]
pub fn check(family: &str, forms: &[Form]) {
    let files = Forms::of(family);
    if std::env::var_os("ALCOVE_WRITE_STORED").is_some() {
        files.write(forms);
    }
    let faults = files.faults(forms);
    assert!(
        faults.is_empty(),
        "{}\n\nVaults and stores that people have are in the form of the files. What has changed must read them; then \
         `ALCOVE_WRITE_STORED=1 cargo nextest run --workspace -E 'test(every_stored_form)'` writes the files anew.\n",
        faults.join("\n")
    );
}

/// What of `declared` no form has with every field set, one line each.
pub fn unfrozen(declared: &[Declared], forms: &[Form]) -> Vec<String> {
    let frozen = |message: &&Declared| {
        !forms.iter().filter(|form| form.row == message.name).any(|form| form.tags() == message.tags)
    };
    let lines = declared.iter().filter(frozen);
    lines.map(|message| format!("{}: no form has all of {:?}", message.name, message.tags)).collect()
}

/// The bytes in a file.
fn bytes_of(stored: &Value) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for line in stored["bytes"].as_array()? {
        let line = line.as_str()?;
        bytes.extend(unhex(line.split_once(": ").map_or(line, |(_, field)| field))?);
    }
    Some(bytes)
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for character in name.chars() {
        match character {
            ' ' => snake.push('_'),
            _ if character.is_uppercase() && !snake.is_empty() => {
                snake.push('_');
                snake.extend(character.to_lowercase());
            }
            _ => snake.extend(character.to_lowercase()),
        }
    }
    snake
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let (pairs, []) = digits.as_deref()?.as_chunks::<2>() else { return None };
    Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests;
