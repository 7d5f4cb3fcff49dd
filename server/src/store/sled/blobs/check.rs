//! The integrity check of blobs: every chunk's bytes, the list of uploads, and what counts against quotas.

use super::uploads::{chunk_digest, chunk_key, upload_key};
use crate::store::{
    Result,
    blobs::BlobShape,
    chunk_files::ChunkFile,
    operation::{CheckReport, PROBLEMS_MAX, Problem},
    sled::{
        check::{Check, found, keep, within},
        engine::{BlobRow, ChunkRow, Kind, Row, UploadRow, UsageRow, damaged, identity, identity_of, tail},
    },
};
use alcove_proto::ids::BlobId;
use std::{collections::BTreeMap, ops::ControlFlow};

impl Check<'_> {
    /// Goes through blobs and uploads.
    pub(crate) fn blobs(&self, report: &mut CheckReport) -> Result<()> {
        self.view.each(&Kind::Blob.key().build(), |key, value| {
            report.blobs += 1;
            let checked = self.blob(report, key, value);
            keep(report, checked)
        })?;
        self.twice(report, Self::uploads)?;
        self.twice(report, Self::usage)
    }

    fn blob(&self, report: &mut CheckReport, key: &[u8], value: &[u8]) -> Result<()> {
        let blob = tail(key).map(BlobId).ok_or(damaged(BlobRow::WHAT))?;
        let row = BlobRow::from_value(value)?;
        let shape = BlobShape::new(row.chunk_count, row.bytes_total).map_err(|_| damaged(BlobRow::WHAT))?;
        let mut seen = 0;
        self.view.each(&Kind::Chunk.key().blob(&blob).build(), |key, value| {
            let index = tail(key).map(u32::from_be_bytes).ok_or(damaged(ChunkRow::WHAT))?;
            let chunk = ChunkRow::from_value(value)?;
            self.chunk(report, blob, index, &chunk, shape.chunk_bytes(index))?;
            seen += 1;
            report.chunks += 1;
            Ok(within(report.problems.len()))
        })?;
        if row.finished && seen < shape.chunk_count() {
            for index in 0..shape.chunk_count() {
                if self.view.value(&chunk_key(&blob, index))?.is_none() {
                    self.unless_deleted(report, blob, Problem::ChunkMissing(blob, index))?;
                }
                if report.problems.len() >= PROBLEMS_MAX {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Reads one chunk: it is there, as long as it must be, and what was acknowledged.
    fn chunk(
        &self,
        report: &mut CheckReport,
        blob: BlobId,
        index: u32,
        row: &ChunkRow,
        bytes: Option<u64>,
    ) -> Result<()> {
        let read = match row.file.map(ChunkFile::from) {
            // Not before its length is known: a file that has grown is not read into memory.
            Some(file) if self.files.length(&blob, index, &file) == bytes => {
                self.files.read_blocking(&blob, index, &file)?
            }
            Some(_) => None,
            None => {
                let parts = Kind::ChunkPart.key().blob(&blob).index(index).build();
                bytes.map(|bytes| self.view.parts(&parts, bytes)).transpose()?.flatten()
            }
        };
        match read {
            None => self.unless_deleted(report, blob, Problem::ChunkMissing(blob, index)),
            Some(read) if chunk_digest(&read).0 != row.sha256.as_slice() => {
                self.unless_deleted(report, blob, Problem::ChunkDamaged(blob, index))
            }
            Some(_) => Ok(()),
        }
    }

    /// A problem, unless its blob was deleted since the check came by.
    fn unless_deleted(&self, report: &mut CheckReport, blob: BlobId, problem: Problem) -> Result<()> {
        if self.view.value(&Kind::Blob.key().blob(&blob).build())?.is_some() {
            found(report, problem);
        }
        Ok(())
    }

    /// Blobs that no record names stand in their devices' lists of uploads, and nothing else does.
    fn uploads(&self) -> Result<Vec<Problem>> {
        let mut problems = self.problems(Kind::Blob, |key, value| {
            let blob = tail(key).map(BlobId).ok_or(damaged(BlobRow::WHAT))?;
            let row = BlobRow::from_value(value)?;
            let listed = upload_key(&identity(&row.uploader, BlobRow::WHAT)?, &blob);
            let differs = self.view.value(&listed)?.is_some() != (row.named == 0);
            Ok(differs.then_some(Problem::UploadMismatch(blob)))
        })?;
        problems.extend(self.problems(Kind::Upload, |key, value| {
            UploadRow::from_value(value)?;
            let blob = tail(key).map(BlobId).ok_or(damaged(UploadRow::WHAT))?;
            let uploader = identity_of(key, BlobId::LEN).ok_or(damaged(UploadRow::WHAT))?;
            let row = self.view.row::<BlobRow>(&Kind::Blob.key().blob(&blob).build())?;
            let differs = row.is_none_or(|row| row.uploader != uploader.to_string());
            Ok(differs.then_some(Problem::UploadMismatch(blob)))
        })?);
        Ok(problems)
    }

    /// Each device's blobs add up to what counts against its quota.
    fn usage(&self) -> Result<Vec<Problem>> {
        // Device to counted and stored.
        let mut usage: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        self.view.each(&Kind::Blob.key().build(), |_, value| {
            let row = BlobRow::from_value(value)?;
            usage.entry(row.uploader).or_default().0 += row.bytes_total;
            Ok(ControlFlow::Continue(()))
        })?;
        self.view.each(&Kind::Usage.key().build(), |key, value| {
            let identity = identity_of(key, 0).ok_or(damaged(UsageRow::WHAT))?;
            usage.entry(identity.to_string()).or_default().1 = UsageRow::from_value(value)?.bytes;
            Ok(ControlFlow::Continue(()))
        })?;
        let wrong = usage.into_iter().filter(|(_, (counted, stored))| counted != stored);
        Ok(wrong
            .map(|(identity, (counted, stored))| Problem::UsageMismatch { identity, counted, stored })
            .collect())
    }
}
