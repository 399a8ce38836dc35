//! Quantized files: whole, loadable, smaller, and a little different.

use std::path::Path;

use dyno_engine::{EngineError, Session};
use dyno_types::{PerplexityRequest, QuantizeRequest};

use crate::driver::{greedy, open, settings};
use crate::likelihoods::{chunks, request as perplexity};
use crate::models::{stories, synthetic};
use crate::process::{config, start};

fn request(source: &Path, target: &Path, type_name: &str) -> QuantizeRequest {
    QuantizeRequest {
        source: source.to_owned(),
        target: target.to_owned(),
        type_name: type_name.to_owned(),
        threads: 2,
        ..Default::default()
    }
}

async fn quantize(session: &dyn Session, request: &QuantizeRequest) -> Result<(u64, Vec<f32>), EngineError> {
    let mut seen = Vec::new();
    let report = session
        .quantize(request, &mut |fraction| {
            seen.push(fraction);
            true
        })
        .await?;
    assert_eq!(report.source_bytes, std::fs::metadata(&request.source).unwrap().len());
    assert_eq!(report.target_bytes, std::fs::metadata(&request.target).unwrap().len());
    Ok((report.target_bytes, seen))
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[tokio::test]
async fn every_type_loads_and_generates() {
    let source = synthetic("tiny-llama@f16");
    let folder = tempfile::tempdir().unwrap();
    let session = start(config()).await.unwrap();
    let whole = std::fs::metadata(&source).unwrap().len();
    for type_name in [
        "bf16", "q8_0", "Q6_K", "q5_k_m", "q5_k_s", "q5_0", "q4_k_m", "q4_0", "q3_k_m", "q2_k", "iq4_nl",
        "iq4_xs",
    ] {
        let target = folder.path().join(type_name);
        let (bytes, seen) = quantize(&*session, &request(&source, &target, type_name)).await.unwrap();
        assert!(bytes < whole || type_name == "bf16", "{type_name}: {bytes} of {whole}");
        assert!(seen.len() > 10 && seen.is_sorted() && seen.last() == Some(&1.0), "{seen:?}");
        let facts = dyno_models::read_facts(&target, type_name).unwrap();
        assert_eq!(facts.quantization, type_name.to_lowercase());
        let (mut backend, _) = open(&target, &settings(1));
        assert_eq!(greedy(&mut backend, &[1, 2, 3], 4).len(), 4);
        std::fs::remove_file(&target).unwrap();
    }
    assert_eq!(files(folder.path()), 0);
}

#[tokio::test]
async fn eight_bits_differ_a_little_and_four_bits_more() {
    let source = stories();
    let folder = tempfile::tempdir().unwrap();
    let reference = folder.path().join("reference");
    chunks(&source, PerplexityRequest { store: Some(reference.clone()), ..perplexity() }, 2).await.unwrap();
    let session = start(config()).await.unwrap();
    let mut mean = Vec::new();
    for type_name in ["q8_0", "q4_0"] {
        let target = folder.path().join(type_name);
        quantize(&*session, &request(&source, &target, type_name)).await.unwrap();
        let compared = PerplexityRequest { reference: Some(reference.clone()), ..perplexity() };
        let chunks = chunks(&target, compared, 2).await.unwrap();
        let sum: f64 = chunks.iter().map(|chunk| chunk.divergence.as_ref().unwrap().kld_sum()).sum();
        let tokens: f64 = chunks.iter().map(|chunk| f64::from(chunk.tokens)).sum();
        let agreed: u32 = chunks.iter().map(|chunk| chunk.divergence.as_ref().unwrap().top1_agreements).sum();
        assert!(f64::from(agreed) / tokens > 0.5, "{type_name}: {agreed} of {tokens}");
        mean.push(sum / tokens);
    }
    assert!(mean[0] > 1e-6 && mean[0] < 0.02 && mean[1] > 2.0 * mean[0], "{mean:?}");
}

#[tokio::test]
async fn what_cannot_be_quantized_leaves_nothing_behind() {
    let source = synthetic("tiny-llama@f16");
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("target.gguf");
    let session = start(config()).await.unwrap();
    let refused = async |request: QuantizeRequest, word: &str| {
        let error = quantize(&*session, &request).await.unwrap_err();
        assert!(matches!(&error, EngineError::BadRequest(reason) if reason.contains(word)), "{error:?}");
    };
    refused(request(&source, &target, "q9"), "no type \"q9\"").await;
    refused(request(&source, &target, "../x"), "type_name").await;
    refused(request(Path::new("/nowhere"), &target, "q8_0"), "/nowhere").await;
    refused(request(&source, Path::new("/nowhere/at/all"), "q8_0"), "/nowhere").await;
    refused(
        QuantizeRequest { imatrix: Some(source.clone()), ..request(&source, &target, "q4_k_m") },
        "importance",
    )
    .await;
    refused(request(&source, &target, "iq2_xxs"), "importance matrix").await;
    let garbage = folder.path().join("garbage");
    std::fs::write(&garbage, [0x5a; 4096]).unwrap();
    refused(request(&garbage, &target, "q8_0"), "magic").await;
    refused(request(&source, &garbage, "q8_0"), "exists already").await;
    refused(request(&synthetic("tiny-llama@q4_0"), &target, "q8_0"), "requantiz").await;
    assert_eq!(files(folder.path()), 1, "only the garbage is there");
    assert!(session.healthy().await);
    let again =
        QuantizeRequest { allow_requantize: true, ..request(&synthetic("tiny-llama@q4_0"), &target, "q8_0") };
    quantize(&*session, &again).await.unwrap();
}

#[tokio::test]
async fn a_quantization_that_is_given_up_ends_the_process_and_leaves_nothing() {
    let source = synthetic("smollm2-135m@f16");
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("target.gguf");
    let session = start(config()).await.unwrap();
    let given_up = session.quantize(&request(&source, &target, "q2_k"), &mut |_| false).await;
    assert_eq!(given_up, Err(EngineError::Cancelled));
    assert_eq!(files(folder.path()), 0);
    assert!(session.memory().await.is_err());
    let session = start(config()).await.unwrap();
    let limit = std::time::Duration::from_millis(100);
    let wanted = request(&source, &target, "q2_k");
    let mut progress = |_| true;
    assert!(tokio::time::timeout(limit, session.quantize(&wanted, &mut progress)).await.is_err());
    assert_eq!(files(folder.path()), 0);
}
