//! Which weights a quantization can hold at all: a type stores blocks of so many weights, and a row must be whole blocks. What
//! cannot be held is stored in types with smaller blocks, whatever the file is called.

use std::collections::{BTreeMap, BTreeSet};

use dyno_types::{TensorTypeShare, WeightRole};

use crate::facts::role;
use crate::gguf::{TensorInfo, TensorType};
use crate::{FileType, ModelFiles};

/// How the matrices of a model fit the blocks of a quantization's main type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockFit {
    /// Weights of a block.
    pub block: u64,
    /// Weights of all matrices.
    pub elements: u64,
    /// Those in rows of whole blocks.
    pub fitting: u64,
    /// Lengths of the other rows, ascending.
    pub rows: Vec<u64>,
    /// Types of the tensors with such rows, the one with most weights first. 32-bit floats are not among them: small matrices
    /// are left in them on purpose.
    pub kinds: Vec<TensorTypeShare>,
}

impl BlockFit {
    /// Fits a model, made or to be made, to a quantization.
    #[must_use]
    pub fn of(files: &ModelFiles, quantization: &FileType) -> Self {
        let block = quantization.base.block_elements();
        let matrices = files.parts.iter().flat_map(|(_, header)| &header.tensors);
        let mut fit = Self { block, elements: 0, fitting: 0, rows: Vec::new(), kinds: Vec::new() };
        let mut others: Vec<&TensorInfo> = Vec::new();
        for tensor in matrices.filter(|tensor| role(tensor) != WeightRole::Vector) {
            fit.elements = fit.elements.saturating_add(tensor.elements());
            if row(tensor).is_multiple_of(block) {
                fit.fitting = fit.fitting.saturating_add(tensor.elements());
            } else {
                others.push(tensor);
            }
        }
        fit.rows = others.iter().map(|tensor| row(tensor)).collect::<BTreeSet<u64>>().into_iter().collect();
        fit.kinds = kinds(&others);
        fit
    }

    /// Share of the matrices' weights that the type can hold, 0 to 1; 1 without matrices.
    #[must_use]
    pub fn share(&self) -> f64 {
        if self.elements == 0 { 1.0 } else { self.fitting as f64 / self.elements as f64 }
    }
}

/// Length of a row.
fn row(tensor: &TensorInfo) -> u64 {
    tensor.shape.first().copied().unwrap_or(1)
}

fn kinds(tensors: &[&TensorInfo]) -> Vec<TensorTypeShare> {
    let mut sums: BTreeMap<TensorType, TensorTypeShare> = BTreeMap::new();
    for tensor in tensors.iter().filter(|tensor| tensor.kind != TensorType::F32) {
        let kind = tensor.kind.name().to_owned();
        let share = TensorTypeShare { kind, tensors: 0, elements: 0, bytes: 0 };
        let sum = sums.entry(tensor.kind).or_insert(share);
        sum.tensors += 1;
        sum.elements = sum.elements.saturating_add(tensor.elements());
        sum.bytes = sum.bytes.saturating_add(tensor.bytes);
    }
    let mut kinds: Vec<TensorTypeShare> = sums.into_values().collect();
    kinds.sort_by(|one, other| other.elements.cmp(&one.elements).then_with(|| one.kind.cmp(&other.kind)));
    kinds
}
