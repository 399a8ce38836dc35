//! Synthetic models: random weights in the true shape of a published model, written as valid quantized blocks straight
//! into a GGUF file. Speed and memory of an engine on such a file are real; its text is not.

mod blocks;
mod metadata;
mod mixture;
mod random;
mod recurrent;
mod tensors;
mod tokenizer;
mod words;

use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Read};
use std::path::{Path, PathBuf};

use dyno_types::ModelFacts;

use crate::facts::facts_of;
use crate::gguf::{GgufError, GgufHeader, GgufPlan, GgufWriter, MetadataEntry, TensorInfo};
use crate::placement::{Placement, file_name, write_failed};
use crate::shapes::{Shape, nearest};
use crate::{FILE_TYPES, FileType, ModelError, ModelFiles};

use blocks::BlockMaker;
use random::Random;
use tensors::{Fill, PlannedTensor};

/// Version of the generator. Raise it whenever the same name would give other bytes.
pub const GENERATOR_VERSION: u32 = 1;

/// Most bytes of tensor data held in memory at a time.
pub const CHUNK_BYTES: usize = 1024 * 1024;

/// Bytes done and bytes in all → whether to go on.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64) -> bool;

/// What to make.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SynthSpec {
    /// Shape.
    pub shape: &'static Shape,
    /// Quantization.
    pub file_type: &'static FileType,
    /// Seed of the weights.
    pub seed: u64,
}

/// Labels of the quantizations that models can be made with.
#[must_use]
pub fn quant_names() -> Vec<&'static str> {
    FILE_TYPES.iter().filter(|file_type| file_type.synthesizable).map(|file_type| file_type.label).collect()
}

impl SynthSpec {
    /// Reads `SHAPE@QUANT` or `SHAPE@QUANT#SEED` (with or without `synth:` before it, in any case of letters); `seed`
    /// applies when the text names none.
    ///
    /// # Errors
    /// [`ModelError::BadSynthSpec`], [`ModelError::UnknownShape`], [`ModelError::UnknownQuantization`].
    pub fn parse(text: &str, seed: u64) -> Result<Self, ModelError> {
        let bad = || ModelError::BadSynthSpec { text: text.to_owned() };
        let lower = text.to_lowercase();
        let spec = lower.strip_prefix("synth:").unwrap_or(&lower);
        let (spec, seed) = match spec.split_once('#') {
            Some((spec, digits)) => (spec, digits.parse().map_err(|_| bad())?),
            None => (spec, seed),
        };
        let (shape, label) = spec.split_once('@').ok_or_else(bad)?;
        let shape = Shape::find(shape)?;
        let file_type = FileType::from_label(label).filter(|file_type| file_type.synthesizable);
        let file_type = file_type.ok_or_else(|| ModelError::UnknownQuantization {
            name: label.to_owned(),
            nearest: nearest(label, quant_names()),
            known: quant_names().join(", "),
        })?;
        Ok(Self { shape, file_type, seed })
    }

    /// Name of the file: shape, quantization, seed and generator, so that no two different files share one.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}-{}-seed{}-v{GENERATOR_VERSION}.gguf", self.shape.name, self.file_type.label, self.seed)
    }

    /// Facts of the file that would be made, without making it: its planned header, read like any other file's. `reference` is
    /// the spec itself.
    #[must_use]
    pub fn facts(&self) -> ModelFacts {
        self.facts_with(&metadata::of(self))
    }

    /// As [`Self::facts`], without writing the vocabulary down, which takes nearly all the time. Exact but for what depends on
    /// it: nothing is said of the tokenizer and the chat template, and `file_bytes` and `fingerprint` are those of a file
    /// without them.
    #[must_use]
    pub fn outline(&self) -> ModelFacts {
        self.facts_with(&metadata::without_tokenizer(self))
    }

    fn facts_with(&self, metadata: &[MetadataEntry]) -> ModelFacts {
        let planned = "tests plan and read the header of every shape in every quantization";
        let (plan, _) = self.plan_with(metadata).expect(planned);
        let header = GgufHeader::read_from(plan.header.as_slice(), plan.file_bytes).expect(planned);
        let files = ModelFiles { parts: vec![(PathBuf::from(self.file_name()), header)] };
        facts_of(&files, &self.to_string())
    }

    fn plan(&self) -> Result<(GgufPlan, Vec<PlannedTensor>), GgufError> {
        self.plan_with(&metadata::of(self))
    }

    fn plan_with(&self, metadata: &[MetadataEntry]) -> Result<(GgufPlan, Vec<PlannedTensor>), GgufError> {
        let tensors = tensors::plan(self.shape, self.file_type);
        let specs: Vec<_> = tensors.iter().map(|tensor| tensor.spec.clone()).collect();
        Ok((GgufPlan::new(metadata, &specs)?, tensors))
    }
}

impl fmt::Display for SynthSpec {
    /// The reference: `synth:SHAPE@QUANT`, with `#SEED` unless that is 0.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "synth:{}@{}", self.shape.name, self.file_type.label)?;
        if self.seed == 0 { Ok(()) } else { write!(out, "#{}", self.seed) }
    }
}

/// Makes the model in `folder` (created when missing), or finds it there whole. `progress` is called only while writing
/// and may stop it. The same spec gives the same bytes on every machine. Memory stays at the header plus
/// [`CHUNK_BYTES`] for any size.
///
/// # Errors
/// [`ModelError::DiskFull`], [`ModelError::Write`], [`ModelError::Cancelled`]; after each, no part of a file is left.
pub fn synthesize(spec: &SynthSpec, folder: &Path, progress: Progress<'_>) -> Result<PathBuf, ModelError> {
    let target = folder.join(spec.file_name());
    let (plan, tensors) = spec.plan().map_err(|source| ModelError::File { path: target.clone(), source })?;
    if is_complete(&target, &plan) {
        return Ok(target);
    }
    let mut placement = Placement::begin(&target, plan.file_bytes)?;
    let written = write(spec.seed, &plan, &tensors, placement.file(), progress);
    match written {
        Ok(true) => placement.finish().map(|()| target),
        Ok(false) => Err(ModelError::Cancelled { file_name: file_name(&target) }),
        Err(GgufError::Io(source)) => Err(write_failed(&target, plan.file_bytes, source)),
        Err(source) => Err(ModelError::File { path: target, source }),
    }
}

/// Whether the file is there with the planned size and header. Its data cannot be partial: files appear by rename.
fn is_complete(target: &Path, plan: &GgufPlan) -> bool {
    let Ok(mut file) = File::open(target) else { return false };
    let mut header = vec![0; plan.header.len()];
    file.metadata().is_ok_and(|about| about.len() == plan.file_bytes)
        && file.read_exact(&mut header).is_ok()
        && header == plan.header
}

/// Writes everything; false when `progress` said stop.
fn write(
    seed: u64,
    plan: &GgufPlan,
    tensors: &[PlannedTensor],
    file: &mut File,
    progress: Progress<'_>,
) -> Result<bool, GgufError> {
    // Small tensors gather in the buffer; pieces of large ones pass by it.
    let mut writer = GgufWriter::begin(BufWriter::with_capacity(CHUNK_BYTES / 4, file), plan)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut done = plan.header.len() as u64;
    for (place, tensor) in plan.tensors.iter().zip(tensors) {
        let mut pieces = Pieces::new(place, &tensor.fill, seed);
        while let Some(piece) = pieces.next_into(&mut chunk) {
            writer.data(piece)?;
            done += piece.len() as u64;
            if !progress(done, plan.file_bytes) {
                return Ok(false);
            }
        }
    }
    writer.finish()?;
    Ok(true)
}

/// Yields the data of one tensor piece by piece.
struct Pieces {
    left: u64,
    /// Largest piece: whole blocks and whole random words, so that the bytes do not depend on the chunk size.
    step: usize,
    source: PieceSource,
}

enum PieceSource {
    /// Raw bytes, all at once (norms and the like are small).
    Bytes(Vec<u8>),
    Random(Random, BlockMaker),
}

impl Pieces {
    fn new(place: &TensorInfo, fill: &Fill, seed: u64) -> Self {
        let unit = place.kind.block_bytes() as usize * 8;
        let step = CHUNK_BYTES / unit * unit;
        let source = match fill {
            Fill::Ones => PieceSource::Bytes(1f32.to_le_bytes().repeat(place.elements() as usize)),
            Fill::Cycle(values) => {
                let bytes = values.iter().flat_map(|value| value.to_le_bytes()).cycle();
                PieceSource::Bytes(bytes.take(place.bytes as usize).collect())
            }
            Fill::Random(deviation) => {
                let maker = BlockMaker::new(place.kind, *deviation)
                    .expect("synthesizable mixtures use makeable types only");
                PieceSource::Random(Random::for_tensor(&place.name, seed), maker)
            }
        };
        Self { left: place.bytes, step, source }
    }

    fn next_into<'a>(&mut self, chunk: &'a mut [u8]) -> Option<&'a [u8]> {
        if self.left == 0 {
            return None;
        }
        let size = usize::try_from(self.left).unwrap_or(usize::MAX).min(self.step);
        let piece = &mut chunk[..size];
        match &mut self.source {
            PieceSource::Bytes(bytes) => {
                let rest = bytes.split_off(size);
                piece.copy_from_slice(bytes);
                *bytes = rest;
            }
            PieceSource::Random(random, maker) => {
                random.fill(piece);
                maker.make(piece);
            }
        }
        self.left -= size as u64;
        Some(piece)
    }
}

#[cfg(test)]
mod tests;
