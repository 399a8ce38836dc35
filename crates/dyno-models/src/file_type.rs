//! Quantization mixtures of whole files: llama.cpp's ids, their labels, and the type most tensors have.

use crate::gguf::TensorType;

/// One mixture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileType {
    /// `general.file_type`.
    pub id: u32,
    /// Label as commands and records write it, e.g. `q4_k_m`.
    pub label: &'static str,
    /// Type of most tensors.
    pub base: TensorType,
    /// Whether synthetic models can be made with it.
    pub synthesizable: bool,
}

const fn made(id: u32, label: &'static str, base: TensorType) -> FileType {
    FileType { id, label, base, synthesizable: true }
}

const fn known(id: u32, label: &'static str, base: TensorType) -> FileType {
    FileType { id, label, base, synthesizable: false }
}

/// Every mixture in use (llama.cpp `enum llama_ftype`).
pub const FILE_TYPES: &[FileType] = &[
    made(0, "f32", TensorType::F32),
    made(1, "f16", TensorType::F16),
    made(32, "bf16", TensorType::BF16),
    made(7, "q8_0", TensorType::Q8_0),
    made(18, "q6_k", TensorType::Q6_K),
    made(17, "q5_k_m", TensorType::Q5_K),
    made(16, "q5_k_s", TensorType::Q5_K),
    made(9, "q5_1", TensorType::Q5_1),
    made(8, "q5_0", TensorType::Q5_0),
    made(15, "q4_k_m", TensorType::Q4_K),
    made(14, "q4_k_s", TensorType::Q4_K),
    made(3, "q4_1", TensorType::Q4_1),
    made(2, "q4_0", TensorType::Q4_0),
    made(13, "q3_k_l", TensorType::Q3_K),
    made(12, "q3_k_m", TensorType::Q3_K),
    made(11, "q3_k_s", TensorType::Q3_K),
    made(10, "q2_k", TensorType::Q2_K),
    known(21, "q2_k_s", TensorType::Q2_K),
    known(19, "iq2_xxs", TensorType::IQ2_XXS),
    known(20, "iq2_xs", TensorType::IQ2_XS),
    known(22, "iq3_xs", TensorType::IQ3_S),
    known(23, "iq3_xxs", TensorType::IQ3_XXS),
    known(24, "iq1_s", TensorType::IQ1_S),
    known(25, "iq4_nl", TensorType::IQ4_NL),
    known(26, "iq3_s", TensorType::IQ3_S),
    known(27, "iq3_m", TensorType::IQ3_S),
    known(28, "iq2_s", TensorType::IQ2_S),
    known(29, "iq2_m", TensorType::IQ2_S),
    known(30, "iq4_xs", TensorType::IQ4_XS),
    known(31, "iq1_m", TensorType::IQ1_M),
    known(36, "tq1_0", TensorType::TQ1_0),
    known(37, "tq2_0", TensorType::TQ2_0),
    known(38, "mxfp4_moe", TensorType::MXFP4),
    known(39, "nvfp4", TensorType::NVFP4),
    known(40, "q1_0", TensorType::Q1_0),
    known(41, "q2_0", TensorType::Q2_0),
    known(42, "f8_e4m3", TensorType::F8_E4M3),
];

/// llama.cpp sets this bit when it guessed the id instead of reading it.
const GUESSED: u64 = 1024;

impl FileType {
    /// The mixture with this id (a "guessed" mark is ignored).
    #[must_use]
    pub fn from_id(id: u64) -> Option<&'static Self> {
        FILE_TYPES.iter().find(|known| u64::from(known.id) == id & !GUESSED)
    }

    /// The mixture with this label.
    #[must_use]
    pub fn from_label(label: &str) -> Option<&'static Self> {
        FILE_TYPES.iter().find(|known| known.label == label)
    }
}
