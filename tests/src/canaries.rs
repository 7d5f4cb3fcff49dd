//! Canaries: strings planted in what people write, and the search for them where they must never be.
//!
//! A search that finds nothing proves something only if it would have found something: every use plants
//! a control first ([`Canaries::search_with_control`]).

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A planted string that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The canary.
    pub canary: String,
    /// How it was spelled there.
    pub encoding: &'static str,
    /// The file.
    pub file: PathBuf,
}

/// Everything that was planted.
#[derive(Debug, Default, Clone)]
pub struct Canaries {
    strings: Vec<String>,
}

impl Canaries {
    /// Registers a string that must not leave the laptops. Returns it, to be planted.
    pub fn plant(&mut self, text: &str) -> String {
        assert!(text.len() >= 6, "a canary of {} bytes would be found by chance", text.len());
        self.strings.push(text.to_owned());
        text.to_owned()
    }

    /// How many strings were planted.
    pub fn len(&self) -> usize {
        self.strings.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.strings.is_empty()
    }

    /// Searches every file below `folder`, after proving with a control file inside it that the search finds each
    /// canary in each encoding. Returns what was found and how many bytes were searched.
    pub fn search_with_control(&self, folder: &Path) -> (Vec<Found>, u64) {
        assert!(!self.strings.is_empty(), "a search for nothing proves nothing");
        let control = folder.join("canary-control.tmp");
        let mut planted = Vec::new();
        for spelling in self.spellings() {
            planted.extend(b"....");
            planted.extend(&spelling.bytes);
        }
        fs::write(&control, &planted).expect("the control can be written");
        let (seen, _) = self.search(folder);
        for spelling in self.spellings() {
            assert!(
                seen.iter().any(|found| found.file == control
                    && found.canary == spelling.canary
                    && found.encoding == spelling.encoding),
                "the search does not find {} as {}",
                spelling.canary,
                spelling.encoding
            );
        }
        fs::remove_file(&control).expect("the control can be removed");
        self.search(folder)
    }

    /// Searches every file below `folder`, file names included.
    pub fn search(&self, folder: &Path) -> (Vec<Found>, u64) {
        let spellings = self.spellings();
        let mut found = Vec::new();
        let mut bytes_searched = 0;
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("the folder can be read").flatten() {
                let path = entry.path();
                let kind = entry.file_type().expect("an entry has a type");
                let mut haystack = path.as_os_str().as_encoded_bytes().to_vec();
                if kind.is_dir() {
                    folders.push(path.clone());
                } else if kind.is_file() {
                    haystack.push(b'\n');
                    haystack.extend(fs::read(&path).expect("the file can be read"));
                }
                bytes_searched += haystack.len() as u64;
                for spelling in &spellings {
                    if contains(&haystack, &spelling.bytes) {
                        found.push(Found {
                            canary: spelling.canary.clone(),
                            encoding: spelling.encoding,
                            file: path.clone(),
                        });
                    }
                }
            }
        }
        (found, bytes_searched)
    }

    fn spellings(&self) -> Vec<Spelling> {
        self.strings.iter().flat_map(|canary| spellings_of(canary)).collect()
    }
}

struct Spelling {
    canary: String,
    encoding: &'static str,
    bytes: Vec<u8>,
}

fn spellings_of(canary: &str) -> Vec<Spelling> {
    let spelled = |encoding, bytes| Spelling { canary: canary.to_owned(), encoding, bytes };
    let hex: String = canary.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut all = vec![
        spelled("UTF-8", canary.as_bytes().to_vec()),
        spelled("UTF-16LE", canary.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        spelled("UTF-16BE", canary.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        spelled("hexadecimal", hex.to_uppercase().into_bytes()),
        spelled("hexadecimal, lower case", hex.into_bytes()),
        spelled("JSON escapes", canary.escape_default().to_string().into_bytes()),
    ];
    for (shift, encoding) in ["base64", "base64 after 1", "base64 after 2"].into_iter().enumerate() {
        all.push(spelled(encoding, base64_inside(canary.as_bytes(), shift)));
    }
    all
}

/// The base64 characters that depend on `bytes` alone when `shift` (0 to 2) bytes stand before them.
fn base64_inside(bytes: &[u8], shift: usize) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let first_whole = (3 - shift) % 3;
    bytes[first_whole.min(bytes.len())..]
        .chunks_exact(3)
        .flat_map(|three| {
            let word = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
            [18, 12, 6, 0].map(|bits| ALPHABET[(word >> bits) as usize & 63])
        })
        .collect()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    let Some((&first, rest)) = needle.split_first() else { return false };
    let mut from = 0;
    while let Some(offset) = haystack[from..].iter().position(|&byte| byte == first) {
        let start = from + offset + 1;
        if haystack[start..].starts_with(rest) {
            return true;
        }
        from = start;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planted_string_is_found_in_every_spelling_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let mut canaries = Canaries::default();
        canaries.plant("Ximena Quispe Ñahui");
        fs::write(folder.path().join("clean"), "Ximena").unwrap();
        let (found, bytes) = canaries.search_with_control(folder.path());
        assert_eq!(found, []);
        assert!(bytes > 6);
        fs::write(folder.path().join("leak"), "xxXimena Quispe Ñahuixx").unwrap();
        assert_eq!(canaries.search(folder.path()).0.len(), 1);
        fs::rename(folder.path().join("leak"), folder.path().join("Ximena Quispe Ñahui")).unwrap();
        assert_eq!(canaries.search(folder.path()).0.len(), 1, "content or name, found once a file");
    }

    #[test]
    fn base64_of_any_alignment_holds_what_is_searched() {
        // "ab" + "canary!" in base64 is YWJjYW5hcnkh: the part that does not depend on the neighbours is inside.
        assert_eq!(base64_inside(b"canary!", 2), b"YW5hcnkh");
    }
}
