//! Rows that are no whole blocks.

use std::path::PathBuf;

use dyno_models::gguf::{DataArea, GgufHeader, TensorInfo, TensorType};
use dyno_models::{BlockFit, FileType, ModelFiles};

fn model(tensors: &[(&str, &[u64], TensorType)]) -> ModelFiles {
    let tensor = |(name, shape, kind): &(&str, &[u64], TensorType)| TensorInfo {
        name: (*name).to_owned(),
        shape: shape.to_vec(),
        kind: *kind,
        offset: 0,
        bytes: 1,
    };
    let header = GgufHeader {
        version: 3,
        metadata: Vec::new(),
        tensors: tensors.iter().map(tensor).collect(),
        data: DataArea { begin: 0, alignment: 32 },
        header_bytes: 0,
        file_bytes: 0,
        fingerprint: [0; 32],
    };
    ModelFiles { parts: vec![(PathBuf::from("m.gguf"), header)] }
}

#[test]
fn weights_in_rows_that_are_no_whole_blocks_are_told_by_type() {
    use TensorType::{F32, IQ4_NL, Q4_K, Q5_0, Q8_0};
    let made = model(&[
        ("token_embd.weight", &[576, 100], Q8_0),
        ("blk.0.attn_q.weight", &[576, 576], IQ4_NL),
        ("blk.0.attn_k.weight", &[576, 192], Q5_0),
        ("blk.0.ffn_down.weight", &[1536, 576], Q4_K),
        // Kept on purpose, and no matrix.
        ("blk.0.ffn_gate_inp.weight", &[576, 8], F32),
        ("blk.0.attn_norm.weight", &[576], F32),
    ]);
    let fit = BlockFit::of(&made, FileType::from_label("iq1_m").unwrap());
    assert_eq!((fit.block, fit.rows.as_slice()), (256, &[576][..]));
    let kinds: Vec<(&str, u64)> =
        fit.kinds.iter().map(|share| (share.kind.as_str(), share.elements)).collect();
    assert_eq!(kinds, [("iq4_nl", 576 * 576), ("q5_0", 576 * 192), ("q8_0", 57_600)]);
    let all = 57_600 + 576 * 576 + 576 * 192 + 1536 * 576 + 576 * 8;
    assert!((fit.share() - f64::from(1536 * 576) / f64::from(all)).abs() < 1e-12);
    // Blocks of 32 fit, whatever types the mixture takes.
    let fit = BlockFit::of(&made, FileType::from_label("q4_0").unwrap());
    assert!(fit.share() == 1.0 && fit.kinds.is_empty() && fit.rows.is_empty());
    assert_eq!(BlockFit::of(&model(&[]), FileType::from_label("q4_k_m").unwrap()).share(), 1.0);
}
