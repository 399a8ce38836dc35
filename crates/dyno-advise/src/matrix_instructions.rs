//! The instructions that an engine multiplies matrices with: they decide which weights it rearranges in memory.

/// The best instructions for matrices that an engine can use: what its build and the processor both have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MatrixInstructions {
    /// Intel's tiles of 8-bit integers.
    Amx,
    /// Vectors of 512 bits.
    Avx512,
    /// Vectors of 256 bits.
    Avx2,
    /// Arm's products of 8-bit matrices.
    Int8Matrix,
    /// Arm's dot products.
    DotProduct,
    /// None of these, or unknown: weights stay as they are in the file.
    #[default]
    Plain,
}

/// Instructions, the best first; as llama.cpp names them, and as processors do ([`dyno_types::HardwareProfile::cpu_features`]).
const NAMES: [(MatrixInstructions, &str, &str); 5] = [
    (MatrixInstructions::Amx, "AMX_INT8", "amx_int8"),
    (MatrixInstructions::Avx512, "AVX512", "avx512f"),
    (MatrixInstructions::Avx2, "AVX2", "avx2"),
    (MatrixInstructions::Int8Matrix, "MATMUL_INT8", "i8mm"),
    (MatrixInstructions::DotProduct, "DOTPROD", "dotprod"),
];

impl MatrixInstructions {
    /// Those that an engine states in its handshake ([`dyno_types::EngineInfo::features`]).
    #[must_use]
    pub fn of_engine(features: &[String]) -> Self {
        Self::best(features, |(_, engine, _)| engine)
    }

    /// Those of the processor: what an engine of unknown build could use at best.
    #[must_use]
    pub fn of_processor(cpu_features: &[String]) -> Self {
        Self::best(cpu_features, |(_, _, processor)| processor)
    }

    fn best(stated: &[String], name: impl Fn(&(Self, &'static str, &'static str)) -> &'static str) -> Self {
        let found = NAMES.iter().find(|names| stated.iter().any(|stated| stated == name(names)));
        found.map_or(Self::Plain, |(instructions, _, _)| *instructions)
    }

    /// Tensor types that llama.cpp rearranges into memory of their own when it loads them
    /// (`ggml_repack_get_optimal_repack_type` and the AMX buffer type).
    pub(crate) fn rearranged_kinds(self) -> &'static [&'static str] {
        match self {
            Self::Amx => {
                &["q4_0", "q4_1", "q8_0", "q4_k", "q5_k", "q6_k", "iq4_xs", "q2_k", "iq4_nl", "mxfp4"]
            }
            Self::Avx512 => &["q4_0", "q4_k", "q2_k", "iq4_nl", "mxfp4"],
            Self::Avx2 => &["q4_0", "q4_k", "iq4_nl", "mxfp4"],
            Self::Int8Matrix | Self::DotProduct => {
                &["q4_0", "q4_k", "q5_k", "q6_k", "q8_0", "iq4_nl", "mxfp4"]
            }
            Self::Plain => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_engine_was_not_built_for_does_not_count() {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let processor = words(&["avx2", "avx512f", "amx_int8"]);
        assert_eq!(MatrixInstructions::of_processor(&processor), MatrixInstructions::Amx);
        let engine = words(&["SSE3", "AVX2", "AVX512", "AVX512_VNNI", "REPACK"]);
        assert_eq!(MatrixInstructions::of_engine(&engine), MatrixInstructions::Avx512);
        assert_eq!(
            MatrixInstructions::of_engine(&words(&["NEON", "DOTPROD"])),
            MatrixInstructions::DotProduct
        );
        assert_eq!(MatrixInstructions::of_engine(&processor), MatrixInstructions::Plain, "other names");
    }

    #[test]
    fn tiles_rearrange_what_vectors_do_not() {
        let rearranges =
            |instructions: MatrixInstructions, kind: &str| instructions.rearranged_kinds().contains(&kind);
        for kind in ["q4_1", "q8_0", "q6_k"] {
            assert!(rearranges(MatrixInstructions::Amx, kind), "{kind}");
            assert!(!rearranges(MatrixInstructions::Avx512, kind), "{kind}");
        }
        assert!(
            rearranges(MatrixInstructions::Avx512, "q2_k") && !rearranges(MatrixInstructions::Avx2, "q2_k")
        );
    }
}
