//! Limits on what a header may claim. Real files stay far below; a claim above one is refused before it costs anything.
//!
//! Together they bound the reader: its memory stays below eight times the bytes of the header plus a few MiB, its time
//! grows with those bytes alone, and neither follows what the header merely claims.

/// Largest file, bytes: 16 TiB, as much as common file systems hold. Sums over all tensors and all parts of a split model
/// stay within 64 bits for it.
pub const FILE_BYTES_MAX: u64 = 1 << 44;
/// Longest string, bytes.
pub const STRING_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Longest key, bytes (the format's own limit).
pub const KEY_BYTES_MAX: u64 = 65_535;
/// Longest tensor name, bytes (the format's own limit).
pub const TENSOR_NAME_BYTES_MAX: u64 = 64;
/// Most items of an array.
pub const ARRAY_ITEMS_MAX: u64 = 64 * 1024 * 1024;
/// Most metadata entries.
pub const KEYS_MAX: u64 = 65_536;
/// Most tensors.
pub const TENSORS_MAX: u64 = 1024 * 1024;
/// Most dimensions of a tensor.
pub const DIMENSIONS_MAX: u32 = 4;
/// Most elements of a tensor, and most bytes of its data: engines count both with signed 64 bits.
pub const ELEMENTS_MAX: u64 = i64::MAX as u64;
/// Largest alignment of tensor data, bytes: that of a huge page.
pub const ALIGNMENT_MAX: u64 = 2 * 1024 * 1024;
/// Largest header, bytes; of a split model, all headers together.
pub const HEADER_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Largest number of items that the header keeps of one array; longer ones are read on demand.
pub const ARRAY_ITEMS_KEPT_MAX: u64 = 1024;
/// Largest number of items that the header keeps of all arrays together; a kept item takes many times its bytes.
pub const ITEMS_KEPT_MAX: u64 = 65_536;
/// Most items of an array read on demand; the largest vocabularies have some 260,000.
pub const ARRAY_ITEMS_LOADED_MAX: u64 = 4 * 1024 * 1024;
