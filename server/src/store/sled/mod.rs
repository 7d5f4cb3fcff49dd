//! The store on sled 0.34.7, with the guards that make it keep its word.
//!
//! sled as it comes loses acknowledged data: its `flush()` never syncs on Linux. So there is one writer
//! (`engine::committer`) which syncs sled's file itself before anybody is answered, no value is longer than
//! 64 KiB (`engine::rows`), a reserve of the disk stays free (`store::space`), readers see only what is durable
//! (`engine::view`), and large ciphertext lies beside sled in files (`store::chunk_files`).
//!
//! **One tree, not one for each kind of row.** All that must be atomic goes into one `apply_batch` of
//! one tree, which is the smallest mechanism sled has for it: one log reservation that recovery either
//! finds complete or cuts off. A transaction over several trees ends in the same reservation, but first
//! runs every write through a staging map and a validation for each tree, and may be retried; with one
//! writer there is nothing it would protect from. The first byte of a key says what a row is
//! (`engine::keys`), and rows of one kind lie together as they would in a tree of their own.
//!
//! Start with [`SledStore`], then `engine`; `log` is what it is for, `blobs` and `desk` are beside it. A verb stands, as the
//! trait of its noun, in the file that does it: a write as one batch of the committer, a read over what is durable.

mod audit;
mod blobs;
mod check;
mod desk;
mod engine;
mod log;
mod operation;
mod store;
#[cfg(test)]
mod tests;

pub use engine::config::SledConfig;
pub use store::SledStore;
