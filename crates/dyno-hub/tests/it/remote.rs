//! Headers of models elsewhere: read without the weights.

use dyno_hub::HubError;
use dyno_models::HubReference;
use dyno_models::gguf::{GgufHeader, GgufPlan, TensorSpec, TensorType};

use crate::stand_in::{Answer, StandIn};
use crate::world::{World, hub_with, is_file, model};

#[test]
fn the_header_of_a_large_file_costs_a_few_kilobytes() {
    // A model of 40 GB whose weights nobody has.
    let tensors: Vec<TensorSpec> = (0..20)
        .map(|index| TensorSpec {
            name: format!("t{index}"),
            shape: vec![1 << 20, 512],
            kind: TensorType::F32,
        })
        .collect();
    let plan = GgufPlan::new(&[], &tensors).unwrap();
    let (header, total) = (plan.header.clone(), plan.file_bytes);
    let hub = StandIn::start(move |request| {
        if !is_file(request) && !request.path.ends_with(".gguf") {
            let file = format!(r#"{{"siblings": [{{"rfilename": "huge.gguf", "size": {total}}}]}}"#);
            return Answer::new(200, file);
        }
        let (begin, end) = request.range.unwrap();
        assert!(end - begin <= 4 << 20);
        let body: Vec<u8> = (begin..end).map(|at| header.get(at as usize).copied().unwrap_or(0)).collect();
        Answer::new(206, body).with("Content-Range", format!("bytes {begin}-{}/{total}", end - 1))
    });
    let world = World::new(&hub);
    let reference = HubReference::parse("hf:o/r").unwrap();
    let (headers, bytes) = world.library().remote_headers(&reference, &world.job()).unwrap();
    assert_eq!(headers[0].header.tensors.len(), 20);
    assert_eq!((headers[0].header.file_bytes, headers[0].name.as_str()), (total, "huge.gguf"));
    assert!(bytes <= 256 * 1024, "{bytes}");
    let address = format!("{}/any/huge.gguf", hub.url());
    let (header, bytes) = world.library().remote_header(&address, &world.job()).unwrap();
    assert_eq!(header.header, headers[0].header);
    assert!(bytes <= 256 * 1024 + 1, "{bytes}");
    assert!(world.files().is_empty(), "nothing was kept");
}

#[test]
fn a_remote_header_is_the_header_of_the_file() {
    let content = model("q4_0");
    let expected = GgufHeader::read_from(content.as_slice(), content.len() as u64).unwrap();
    // With ranges, and from a server that ignores them.
    for ignore in [false, true] {
        let whole = content.clone();
        let hub = hub_with(&content, move |request, answer| {
            if is_file(request) && ignore { Answer::new(200, whole.clone()) } else { answer }
        });
        let world = World::new(&hub);
        let reference = HubReference::parse("hf:o/r").unwrap();
        let headers = world.library().remote_headers(&reference, &world.job());
        match headers {
            Ok((headers, _)) => assert_eq!(headers[0].header, expected),
            // Only a header beyond the first request needs ranges.
            Err(error) => assert!(ignore && error.to_string().contains("pull the model first"), "{error}"),
        }
    }
}

#[test]
fn what_is_no_model_is_refused_as_a_local_file_would_be() {
    let hub = hub_with(b"this is no model at all, only text", |_, answer| answer);
    let world = World::new(&hub);
    let reference = HubReference::parse("hf:o/r").unwrap();
    let error = world.library().remote_headers(&reference, &world.job()).unwrap_err();
    assert!(matches!(error, HubError::Model(_)) && error.to_string().contains("not a GGUF file"), "{error}");
    let error = world.library().remote_header("https://", &world.job()).unwrap_err();
    assert!(error.is_bad_input(), "{error}");
}
