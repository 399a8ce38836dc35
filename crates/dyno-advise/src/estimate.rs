//! Memory of models that dyno's engine does not run and whose makers state none: from the number and type of the weights.
//!
//! The law is fitted to the five figures that whisper.cpp publishes (file size beside memory, tiny to large): 1.2 × weights
//! + 200 MB reproduces each within 8 %. For other programs it is a guess at the order of magnitude, and marked as such.

use dyno_types::CatalogueModel;

/// Memory for one byte of weights.
const PER_WEIGHT_BYTE: f64 = 1.2;

/// Memory of the program itself and its buffers, bytes.
const PROGRAM_BYTES: f64 = 200e6;

/// Bytes of one weight, by the name of its type; `None` for types whose size is not fixed.
fn weight_bytes(kind: &str) -> Option<f64> {
    match kind {
        "f32" => Some(4.0),
        "f16" | "bf16" => Some(2.0),
        "q8_0" => Some(34.0 / 32.0),
        _ => None,
    }
}

/// Memory at work, bytes, from the size of the file, else from the number of parameters and their type; `None` when neither is
/// known.
pub(crate) fn estimated_memory(
    model: &CatalogueModel,
    quantization: &str,
    file_bytes: Option<u64>,
) -> Option<u64> {
    let by_count = || Some(model.parameters? as f64 * weight_bytes(quantization)?);
    let weights = file_bytes.map(|bytes| bytes as f64).or_else(by_count)?;
    Some((weights * PER_WEIGHT_BYTE + PROGRAM_BYTES) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(parameters: Option<u64>) -> CatalogueModel {
        let text = r#"{"name":"m","title":"M","roles":["voice"]}"#;
        CatalogueModel { parameters, ..serde_json::from_str(text).unwrap() }
    }

    #[test]
    fn the_law_reproduces_what_it_was_fitted_to() {
        // Size of the file and memory: README of whisper.cpp.
        let published = [
            (78_643_200, 273e6),
            (148_897_792, 388e6),
            (488_636_416, 852e6),
            (1_610_612_736, 2_100e6),
            (3_113_851_289, 3_900e6),
        ];
        for (file_bytes, stated) in published {
            let estimated = estimated_memory(&model(None), "f16", Some(file_bytes)).unwrap() as f64;
            assert!((estimated / stated - 1.0).abs() < 0.08, "{file_bytes}: {estimated} of {stated}");
        }
    }

    #[test]
    fn without_a_file_the_weights_are_counted_and_without_either_nothing_is_said() {
        let estimate = |parameters, kind| estimated_memory(&model(parameters), kind, None);
        assert_eq!(estimate(Some(1_000_000_000), "f32"), Some(5_000_000_000));
        assert_eq!(estimate(Some(1_000_000_000), "bf16"), Some(2_600_000_000));
        assert_eq!(estimate(Some(1_000_000_000), "as published"), None);
        assert_eq!(estimate(None, "f32"), None);
    }
}
