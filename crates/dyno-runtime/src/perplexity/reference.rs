//! The file of reference distributions: what one model predicted at every scored place of a text, for comparing others
//! with it.
//!
//! Little-endian. A header ([`MAGIC`], version, vocabulary, context, chunks: `u32` each, and 8 zero bytes), the tokens as
//! they were computed (`u32`, chunk by chunk), then one row per scored place:
//!
//! - `f32` step, nats per code;
//! - `f32` rest: the probability of all tokens with code 0 together;
//! - `u32` the likeliest token;
//! - 4 zero bytes;
//! - `u16` a code per token: 0 for tokens less than e^−24 as likely as the likeliest, else `1 + (ln p − lowest) / step`,
//!   rounded, where the likeliest token has 65535 and `lowest` is the least likely of those that are kept.
//!
//! The file comes from outside when it is read: everything is checked against the model, the text and the file's length
//! before a row is used, and each row before it counts.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use dyno_types::{REFERENCE_BYTES_MAX, TokenId};

use crate::Failure;
use crate::sampling::{LogSoftmax, exp};

/// First bytes of the file.
const MAGIC: [u8; 8] = *b"DYNOREF\0";

/// Version of the format.
const VERSION: u32 = 1;

/// Bytes of the header.
const HEADER_BYTES: u64 = 32;

/// Bytes of a row before its codes.
const ROW_HEAD_BYTES: usize = 16;

/// Nats below the likeliest token that are kept.
const SPAN_NATS: f32 = 24.0;

/// Steps between the lowest code that is kept and the highest.
const STEPS: f32 = 65_534.0;

/// Logits looked at together; sums over so few are accurate in single precision.
const RUN: usize = 64;

/// What a file of reference distributions is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// Tokens in the vocabulary.
    pub(super) vocabulary: u32,
    /// Tokens per chunk.
    pub(super) context: u32,
    /// Chunks.
    pub(super) chunks: u32,
    /// Scored places per chunk.
    pub(super) places: u32,
}

impl Layout {
    fn row_bytes(self) -> u64 {
        ROW_HEAD_BYTES as u64 + 2 * u64::from(self.vocabulary)
    }

    /// Length of the whole file, bytes; `None` when it cannot be counted.
    pub(super) fn file_bytes(self) -> Option<u64> {
        let rows = u64::from(self.chunks).checked_mul(u64::from(self.places))?;
        let tokens = u64::from(self.chunks).checked_mul(4 * u64::from(self.context))?;
        rows.checked_mul(self.row_bytes())?.checked_add(tokens)?.checked_add(HEADER_BYTES)
    }

    /// Where a row begins, in a file whose length could be counted.
    fn row_at(self, chunk: u32, place: u32) -> u64 {
        let rows_at = HEADER_BYTES + 4 * u64::from(self.context) * u64::from(self.chunks);
        let row = u64::from(chunk) * u64::from(self.places) + u64::from(place);
        rows_at + row * self.row_bytes()
    }

    fn header(self) -> [u8; HEADER_BYTES as usize] {
        let mut header = [0; HEADER_BYTES as usize];
        header[..8].copy_from_slice(&MAGIC);
        let fields = [VERSION, self.vocabulary, self.context, self.chunks];
        for (field, bytes) in fields.iter().zip(header[8..].chunks_mut(4)) {
            bytes.copy_from_slice(&field.to_le_bytes());
        }
        header
    }
}

fn io_failure(path: &Path, action: &str, error: &std::io::Error) -> Failure {
    Failure::bad_request(format!("cannot {action} {}: {error}", path.display()))
}

fn damaged(path: &Path, what: &str) -> Failure {
    Failure::bad_request(format!("{} cannot serve as a reference: {what}; store it again", path.display()))
}

/// Writes reference distributions, at any order of places.
#[derive(Debug)]
pub(super) struct ReferenceWriter {
    path: PathBuf,
    file: File,
    layout: Layout,
    row: Vec<u8>,
}

impl ReferenceWriter {
    /// Begins a file.
    ///
    /// # Errors
    /// When it would become larger than `bytes_max` (0: [`REFERENCE_BYTES_MAX`]), or cannot be written.
    pub(super) fn create(
        path: &Path,
        layout: Layout,
        tokens: &[TokenId],
        bytes_max: u64,
    ) -> Result<Self, Failure> {
        let most = if bytes_max == 0 { REFERENCE_BYTES_MAX } else { bytes_max };
        let bytes = layout.file_bytes().unwrap_or(u64::MAX);
        if bytes > most {
            return Err(Failure::bad_request(format!(
                "the reference distributions of {} chunks of {} tokens need {bytes} bytes, more than the {most} allowed; ask for \
                 fewer chunks, or allow more",
                layout.chunks, layout.context
            )));
        }
        let unwritten = |error| io_failure(path, "write", &error);
        let file = File::create(path).map_err(unwritten)?;
        let mut start = layout.header().to_vec();
        start.extend(tokens.iter().flat_map(|token| token.to_le_bytes()));
        file.write_all_at(&start, 0).map_err(unwritten)?;
        Ok(Self { path: path.to_owned(), file, layout, row: Vec::new() })
    }

    /// Writes the distribution at one place.
    pub(super) fn write(
        &mut self,
        (chunk, place): (u32, u32),
        logits: &[f32],
        normaliser: LogSoftmax,
    ) -> Result<(), Failure> {
        encode(logits, normaliser, &mut self.row);
        let at = self.layout.row_at(chunk, place);
        self.file.write_all_at(&self.row, at).map_err(|error| io_failure(&self.path, "write", &error))
    }

    /// Makes sure that everything is on the disk.
    pub(super) fn finish(self) -> Result<(), Failure> {
        self.file.sync_all().map_err(|error| io_failure(&self.path, "write", &error))
    }
}

/// One row of the file.
fn encode(logits: &[f32], normaliser: LogSoftmax, row: &mut Vec<u8>) {
    let highest = normaliser.highest;
    let floor = highest - SPAN_NATS;
    let lowest = logits.iter().filter(|logit| **logit >= floor).fold(highest, |low, logit| low.min(*logit));
    let step = (highest - lowest) / STEPS;
    let inverse = if step > 0.0 { step.recip() } else { 0.0 };
    let rest: f64 =
        logits.iter().filter(|logit| **logit < lowest).map(|logit| normaliser.logprob(*logit).exp()).sum();
    row.clear();
    row.extend_from_slice(&step.to_le_bytes());
    row.extend_from_slice(&(rest as f32).to_le_bytes());
    row.extend_from_slice(&normaliser.likeliest(logits).unwrap_or(0).to_le_bytes());
    row.extend_from_slice(&[0; 4]);
    let code = |logit: f32| {
        // Counted from the top, where precision matters most. The cast saturates and cannot wrap.
        if logit < lowest { 0 } else { u16::MAX - ((highest - logit) * inverse).round().min(STEPS) as u16 }
    };
    row.extend(logits.iter().flat_map(|logit| code(*logit).to_le_bytes()));
}

/// How one model's prediction differs from the reference's at one place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Difference {
    /// D(reference ‖ this), nats, ≥ 0.
    pub(super) kld: f64,
    /// Whether both like the same token best.
    pub(super) same_top: bool,
    /// −ln p of the token that follows, by the reference.
    pub(super) reference_nll: f64,
}

/// Reads reference distributions.
#[derive(Debug)]
pub(super) struct ReferenceReader {
    path: PathBuf,
    file: File,
    layout: Layout,
    row: Vec<u8>,
}

impl ReferenceReader {
    /// Opens a file and checks that it is about this vocabulary and these tokens, at least as many chunks of them as
    /// `wanted` has.
    ///
    /// # Errors
    /// Says what does not fit.
    pub(super) fn open(path: &Path, wanted: Layout, tokens: &[TokenId]) -> Result<Self, Failure> {
        let unread = |error| io_failure(path, "read", &error);
        let metadata = std::fs::metadata(path).map_err(unread)?;
        if !metadata.is_file() {
            return Err(damaged(path, "it is not a file"));
        }
        let mut file = File::open(path).map_err(unread)?;
        let mut header = [0; HEADER_BYTES as usize];
        file.read_exact(&mut header).map_err(|_| damaged(path, "it is too short for a header"))?;
        let layout = check_header(path, &header, wanted)?;
        if layout.file_bytes() != Some(metadata.len()) {
            let has = format!("it has {} bytes, which is not what its header announces", metadata.len());
            return Err(damaged(path, &has));
        }
        let mut held = vec![0; tokens.len() * 4];
        file.read_exact(&mut held).map_err(unread)?;
        let same = held.chunks(4).zip(tokens).all(|(bytes, token)| bytes == token.to_le_bytes());
        if !same {
            return Err(damaged(path, "it was made from another text, or with another tokenizer"));
        }
        Ok(Self { path: path.to_owned(), file, layout, row: vec![0; layout.row_bytes() as usize] })
    }

    /// Compares the reference's distribution at one place with a row of logits; `token` is the one that follows.
    pub(super) fn compare(
        &mut self,
        (chunk, place): (u32, u32),
        logits: &[f32],
        normaliser: LogSoftmax,
        token: TokenId,
    ) -> Result<Difference, Failure> {
        let at = self.layout.row_at(chunk, place);
        let read = self.file.read_exact_at(&mut self.row, at);
        read.map_err(|error| io_failure(&self.path, "read", &error))?;
        difference(&self.row, logits, normaliser, token).ok_or_else(|| {
            damaged(&self.path, &format!("place {place} of chunk {chunk} holds no distribution"))
        })
    }
}

fn check_header(path: &Path, header: &[u8], wanted: Layout) -> Result<Layout, Failure> {
    let field = |index: usize| le_u32(&header[8 + 4 * index..]);
    if header[..8] != MAGIC {
        return Err(damaged(path, "it is no file of reference distributions"));
    }
    let (version, vocabulary, context, chunks) = (field(0), field(1), field(2), field(3));
    if version != VERSION {
        return Err(damaged(path, &format!("its format is version {version}, this engine reads {VERSION}")));
    }
    for (what, has, needs) in [
        ("tokens in the vocabulary", vocabulary, wanted.vocabulary),
        ("tokens per chunk", context, wanted.context),
    ] {
        if has != needs {
            return Err(damaged(path, &format!("it was made with {has} {what}, and {needs} are needed")));
        }
    }
    if chunks < wanted.chunks {
        return Err(damaged(path, &format!("it has {chunks} chunks, and {} are needed", wanted.chunks)));
    }
    let layout = Layout { chunks, ..wanted };
    match layout.file_bytes() {
        Some(bytes) if bytes <= REFERENCE_BYTES_MAX => Ok(layout),
        _ => Err(damaged(path, &format!("its header announces more than {REFERENCE_BYTES_MAX} bytes"))),
    }
}

fn le_u32(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// Sums over the vocabulary: r is the reference's ln p and l this model's, both less their highest.
#[derive(Default)]
struct Sums {
    /// Σ e^r over kept tokens.
    mass: f64,
    /// Σ e^r (r − l) over kept tokens.
    excess: f64,
    /// Σ e^l over the others.
    rest: f64,
}

/// The difference between a row of the file and a row of logits; `None` for a row that is no distribution.
///
/// With p = e^r (1 − rest) / mass for kept tokens, q = e^l / Σ e^l, and all other tokens counted as one:
/// D = (1 − rest) (excess / mass − ln mass + ln(1 − rest) + ln Σ e^l) + rest ln(rest / q(rest)).
/// Both exponentials are the same function, so that their rounding cancels where the two agree.
fn difference(row: &[u8], logits: &[f32], normaliser: LogSoftmax, token: TokenId) -> Option<Difference> {
    let (head, codes) = row.split_at_checked(ROW_HEAD_BYTES)?;
    let float = |at: usize| f32::from_bits(le_u32(&head[at..]));
    let (step, rest, top) = (float(0), f64::from(float(4)), le_u32(&head[8..]));
    let sound = (0.0..=SPAN_NATS / STEPS * 1.001).contains(&step) && (0.0..0.5).contains(&rest);
    let (codes, _) = codes.as_chunks::<2>();
    if !sound || codes.len() != logits.len() || u16::from_le_bytes(*codes.get(top as usize)?) != u16::MAX {
        return None;
    }
    let sums = sum_rows(codes, logits, step, normaliser.highest);
    let log_mass = sums.mass.ln();
    let log_kept = (-rest).ln_1p();
    let kept = (1.0 - rest) * (sums.excess / sums.mass - log_mass + log_kept + normaliser.log_mass);
    let other = if rest > 0.0 {
        let here = (sums.rest.ln() - normaliser.log_mass).max(f64::MIN_POSITIVE.ln());
        rest * (rest.ln() - here)
    } else {
        0.0
    };
    let below_top = f64::from(u16::MAX - u16::from_le_bytes(*codes.get(token as usize)?)) * f64::from(step);
    Some(Difference {
        kld: (kept + other).max(0.0),
        same_top: normaliser.likeliest(logits) == Some(top),
        reference_nll: (below_top + log_mass - log_kept).max(0.0),
    })
}

fn sum_rows(codes: &[[u8; 2]], logits: &[f32], step: f32, highest: f32) -> Sums {
    // Less likely than any logit can say; keeps products finite where a logit is −∞.
    const LEAST: f32 = -1e4;
    let mut sums = Sums::default();
    for (codes, logits) in codes.chunks(RUN).zip(logits.chunks(RUN)) {
        let (mut mass, mut excess, mut rest) = (0.0_f32, 0.0_f32, 0.0_f32);
        for (code, logit) in codes.iter().zip(logits) {
            let code = u16::from_le_bytes(*code);
            let kept = if code == 0 { 0.0 } else { 1.0 };
            let reference = -f32::from(u16::MAX - code) * step;
            let here = (logit - highest).max(LEAST);
            let weight = kept * exp(reference);
            mass += weight;
            excess += weight * (reference - here);
            rest += (1.0 - kept) * exp(here);
        }
        sums.mass += f64::from(mass);
        sums.excess += f64::from(excess);
        sums.rest += f64::from(rest);
    }
    sums
}

#[cfg(test)]
mod tests;
