//! Why a measurement came to nothing: whatever it was, the run ends with it.

/// Any failure.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;
