//! Sample files: awkward names, awkward sizes, bytes that follow from a seed.

use std::{
    fs::{self, File},
    io::{BufWriter, Read, Write},
    path::{Path, PathBuf},
};

/// A right-to-left override: shows `invfdp.exe` backwards.
pub const RIGHT_TO_LEFT_OVERRIDE: char = '\u{202e}';

/// Bytes that look random and follow from `seed` alone (xorshift64*).
#[derive(Debug, Clone)]
pub struct SeededBytes {
    state: u64,
}

impl SeededBytes {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 }
    }
}

impl Read for SeededBytes {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        for chunk in buffer.chunks_mut(8) {
            self.state ^= self.state >> 12;
            self.state ^= self.state << 25;
            self.state ^= self.state >> 27;
            let word = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(buffer.len())
    }
}

/// Writes `size` seeded bytes.
pub fn write_seeded(path: &Path, seed: u64, size: u64) {
    let mut file = BufWriter::new(File::create(path).expect("the sample can be made"));
    std::io::copy(&mut SeededBytes::new(seed).take(size), &mut file).expect("the sample can be written");
    file.flush().expect("the sample can be written");
}

/// A file of `size` zeros that takes no room on disk.
pub fn write_sparse(path: &Path, size: u64) {
    File::create(path).and_then(|file| file.set_len(size)).expect("the sample can be made");
}

/// Whether two files hold the same bytes.
pub fn same_bytes(one: &Path, other: &Path) -> bool {
    let open =
        |path| std::io::BufReader::with_capacity(1 << 20, File::open(path).expect("the file can be opened"));
    let (mut one, mut other) = (open(one), open(other));
    let (mut left, mut right) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    loop {
        let count = read_full(&mut one, &mut left);
        if count != read_full(&mut other, &mut right) || left[..count] != right[..count] {
            return false;
        }
        if count == 0 {
            return true;
        }
    }
}

fn read_full(file: &mut impl Read, buffer: &mut [u8]) -> usize {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]).expect("the file can be read") {
            0 => break,
            count => filled += count,
        }
    }
    filled
}

/// Names that a file system here takes and that hurt somewhere else.
pub fn awkward_names() -> Vec<String> {
    vec![
        "CON.pdf".into(),
        " lead.pdf".into(),
        "trail. ".into(),
        "..\\..\\x".into(),
        format!("inv{RIGHT_TO_LEFT_OVERRIDE}fdp.exe"),
        "-rf".into(),
        format!("{}.odt", "訪".repeat(83)),
        "line\nbreak\tand\u{7}bell.txt".into(),
        "📎 evidence.txt".into(),
        "Declaración jurada.pdf".into(),
        "Declaracio\u{301}n jurada.pdf".into(),
        "Report.txt".into(),
        "report.txt".into(),
        "empty.txt".into(),
        "statement.pdf.exe".into(),
    ]
}

/// A folder with one small file for each awkward name; `empty.txt` is empty.
pub fn write_awkward_folder(folder: &Path) -> Vec<PathBuf> {
    fs::create_dir_all(folder).expect("the folder can be made");
    awkward_names()
        .into_iter()
        .enumerate()
        .map(|(index, name)| {
            let path = folder.join(&name);
            let size = if name == "empty.txt" { 0 } else { 1 + 37 * index as u64 };
            write_seeded(&path, index as u64 + 1, size);
            path
        })
        .collect()
}
