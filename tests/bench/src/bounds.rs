//! The machine's own limits, measured in the same run: what no program here can beat.

use crate::stats::Latencies;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// What one measurement of the bounds saw.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    /// Appending 1 KiB with fdatasync, milliseconds.
    pub(crate) append_p50_ms: f64,
    /// The same at the 99th percentile.
    pub(crate) append_p99_ms: f64,
    /// Writing a large file and syncing it once, MB/s.
    pub(crate) write_mb_s: f64,
    /// Sealing 1 MiB chunks with AES-256-GCM on one core, MB/s.
    pub(crate) seal_mb_s: f64,
}

/// Measures in `folder`, with a file of `file_mib` MiB.
pub(crate) fn measure(folder: &Path, file_mib: usize, appends: usize) -> Result<Bounds, Error> {
    let latencies = append(&folder.join("bound-append"), appends)?;
    Ok(Bounds {
        append_p50_ms: latencies.quantile_ms(0.5),
        append_p99_ms: latencies.quantile_ms(0.99),
        write_mb_s: write(&folder.join("bound-write"), file_mib)?,
        seal_mb_s: seal()?,
    })
}

fn append(path: &Path, appends: usize) -> Result<Latencies, Error> {
    let mut append = Append::begin(path)?;
    let mut latencies = Latencies::new();
    for _ in 0..appends {
        let began = Instant::now();
        append.next()?;
        latencies.add(began.elapsed());
    }
    append.end()?;
    Ok(latencies)
}

/// A file that grows by a kibibyte at a time, each of them synced.
pub(crate) struct Append {
    path: PathBuf,
    file: File,
}

impl Append {
    pub(crate) fn begin(path: &Path) -> Result<Self, Error> {
        Ok(Self { path: path.to_owned(), file: File::create(path)? })
    }

    pub(crate) fn next(&mut self) -> Result<(), Error> {
        self.file.write_all(&[5; 1024])?;
        Ok(self.file.sync_data()?)
    }

    pub(crate) fn end(self) -> Result<(), Error> {
        Ok(fs::remove_file(self.path)?)
    }
}

fn write(path: &Path, mib: usize) -> Result<f64, Error> {
    let body = vec![5; 1 << 20];
    let began = Instant::now();
    let mut file = File::create(path)?;
    for _ in 0..mib {
        file.write_all(&body)?;
    }
    file.sync_all()?;
    let elapsed = began.elapsed();
    fs::remove_file(path)?;
    Ok((mib << 20) as f64 / 1e6 / elapsed.as_secs_f64())
}

fn seal() -> Result<f64, Error> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).map_err(|_| "32 bytes are a key")?);
    let mut chunk = vec![5; 1 << 20];
    let began = Instant::now();
    let mut sealed: u64 = 0;
    while began.elapsed() < Duration::from_millis(300) {
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&sealed.to_be_bytes());
        let nonce = Nonce::assume_unique_for_key(nonce);
        let _tag =
            key.seal_in_place_separate_tag(nonce, Aad::empty(), &mut chunk).map_err(|_| "a chunk seals")?;
        sealed += 1;
    }
    Ok((sealed << 20) as f64 / 1e6 / began.elapsed().as_secs_f64())
}
