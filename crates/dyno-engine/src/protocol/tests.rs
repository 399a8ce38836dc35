//! What goes out comes back, and what no sound peer would send is refused by name.

use dyno_types::{
    ChatMessage, ChunkDivergence, ChunkScore, ContextReport, ContinuationScore, EngineInfo, EngineMemory,
    EngineSettings, FinishReason, GenerateRequest, GeneratedToken, GenerationReport, KNOBS, KvType,
    LOGPROB_MIN, LoadReport, MeasureReport, MeasureRequest, MemoryBreakdown, PerplexityRequest,
    ProcessMemory, Prompt, QuantizeRequest, SCORE_ITEM_TOKENS_MAX, Sampling, ScoreItem, ScoreRefusal,
    ScoreRequest, ScoredItem, Switch, TokenLogprob, TokenPiece, UnloadReport,
};
use prost::Message;

use super::*;

/// Through bytes, as between two processes.
fn travelled<M: Message + Default>(message: &M) -> M {
    M::decode(message.encode_to_vec().as_slice()).unwrap()
}

/// The field a refusal names.
fn refused<T: std::fmt::Debug>(result: Result<T, ProtocolError>) -> &'static str {
    result.unwrap_err().field
}

fn settings() -> EngineSettings {
    EngineSettings {
        context: 777,
        batch: 33,
        ubatch: 22,
        threads: 3,
        threads_prefill: 5,
        sequences: 4,
        kv_type_k: KvType::Q8_0,
        kv_type_v: KvType::Bf16,
        flash_attention: Switch::On,
        mmap: false,
        mlock: true,
        gpu_layers: 9,
    }
}

fn request(prompt: Prompt) -> GenerateRequest {
    GenerateRequest {
        id: 42,
        prompt,
        sampling: Sampling {
            temperature: 1.5,
            top_p: 0.5,
            min_p: 0.25,
            top_k: 7,
            seed: u64::MAX,
            ..Sampling::default()
        },
        max_tokens: 6,
        stop: vec!["\n\n".to_owned()],
        ignore_eos: true,
        logprobs: 2,
    }
}

fn report(finish_reason: FinishReason) -> GenerationReport {
    GenerationReport {
        prompt_tokens: 9,
        cached_tokens: 8,
        prefill_start_ns: 1,
        prefill_end_ns: 2,
        end_ns: u64::MAX,
        decode_backend_ns: 4,
        sampling_ns: 5,
        generated_tokens: 6,
        finish_reason,
        reasoning_mark: (finish_reason == FinishReason::Length).then(|| "<think>".to_owned()),
    }
}

#[test]
fn settings_come_back_and_every_knob_is_carried() {
    let message = proto::Settings::from(&settings());
    assert_eq!(EngineSettings::try_from(travelled(&message)), Ok(settings()));
    assert!(KNOBS.iter().all(|knob| message.text(knob.id).is_some()), "a knob is missing from the protocol");
}

#[test]
fn settings_outside_a_knobs_range_are_refused() {
    let sound = proto::Settings::from(&EngineSettings::default());
    assert_eq!(refused(EngineSettings::try_from(proto::Settings { context: 0, ..sound.clone() })), "context");
    assert_eq!(
        refused(EngineSettings::try_from(proto::Settings { batch: u32::MAX, ..sound.clone() })),
        "batch"
    );
    assert_eq!(
        refused(EngineSettings::try_from(proto::Settings { kv_type_v: "q9".to_owned(), ..sound })),
        "kv_type_v"
    );
    assert_eq!(refused(EngineSettings::try_from(proto::Settings::default())), "context");
}

#[test]
fn requests_come_back_whatever_they_start_from() {
    let message = ChatMessage { role: "user".to_owned(), content: "hé".to_owned() };
    for prompt in
        [Prompt::Text("a".to_owned()), Prompt::Tokens(vec![0, u32::MAX]), Prompt::Chat(vec![message])]
    {
        let request = request(prompt);
        let message = proto::Submission::from(request.clone());
        assert_eq!(GenerateRequest::try_from(travelled(&message)), Ok(request));
    }
}

#[test]
fn requests_that_make_no_sense_are_refused_by_field() {
    let text = || Prompt::Text("a".to_owned());
    let sampling = |change: fn(&mut Sampling)| {
        let mut changed = request(text());
        change(&mut changed.sampling);
        changed
    };
    let stranger = ChatMessage { role: "root".to_owned(), content: String::new() };
    for (field, wrong) in [
        ("max_tokens", GenerateRequest { max_tokens: 0, ..request(text()) }),
        ("logprobs", GenerateRequest { logprobs: LOGPROBS_MAX + 1, ..request(text()) }),
        ("stop", GenerateRequest { stop: vec![String::new()], ..request(text()) }),
        ("stop", GenerateRequest { stop: vec!["x".to_owned(); STOPS_MAX + 1], ..request(text()) }),
        ("stop", GenerateRequest { stop: vec!["x".repeat(STOP_BYTES_MAX + 1)], ..request(text()) }),
        ("chat", request(Prompt::Chat(Vec::new()))),
        ("role", request(Prompt::Chat(vec![stranger]))),
        ("temperature", sampling(|sampling| sampling.temperature = f32::NAN)),
        ("top_p", sampling(|sampling| sampling.top_p = 0.0)),
        ("min_p", sampling(|sampling| sampling.min_p = f32::INFINITY)),
        ("repetition_penalty", sampling(|sampling| sampling.repetition_penalty = -1.0)),
    ] {
        assert_eq!(refused(GenerateRequest::try_from(proto::Submission::from(wrong))), field);
    }
    let sound = proto::Submission::from(request(text()));
    assert_eq!(
        refused(GenerateRequest::try_from(proto::Submission { prompt: None, ..sound.clone() })),
        "prompt"
    );
    assert_eq!(refused(GenerateRequest::try_from(proto::Submission { sampling: None, ..sound })), "sampling");
}

#[test]
fn events_come_back_and_lies_are_refused() {
    let piece = |bytes: &[u8]| TokenPiece::from(bytes.to_vec());
    let top = vec![
        TokenLogprob { token: 1, piece: piece(b"\xc3"), logprob: -0.5 },
        TokenLogprob { token: 2, piece: piece(b"x"), logprob: f32::NEG_INFINITY },
    ];
    let token = GeneratedToken {
        token: 1,
        text: "ü".to_owned(),
        at_ns: 7,
        piece: Some(piece(b"\xbc")),
        logprob: Some(-0.5),
        top,
    };
    let message = proto::Token::from(token.clone());
    let got = GeneratedToken::try_from(travelled(&message)).unwrap();
    assert_eq!(
        (got.token, got.text, got.at_ns, got.piece, got.logprob, &got.top[0]),
        (1, "ü".to_owned(), 7, token.piece, Some(-0.5), &token.top[0])
    );
    assert_eq!(got.top[1].logprob, f32::MIN, "minus infinity has no place in a record");

    for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.1] {
        assert_eq!(
            refused(GeneratedToken::try_from(proto::Token { logprob: Some(wrong), ..message.clone() })),
            "logprob"
        );
    }
    let rounded = GeneratedToken::try_from(proto::Token { logprob: Some(1e-7), ..message.clone() }).unwrap();
    assert_eq!(rounded.logprob, Some(0.0));
    let many = vec![proto::TokenLogprob::default(); LOGPROBS_MAX as usize + 1];
    assert_eq!(refused(GeneratedToken::try_from(proto::Token { top: many, ..message })), "top");
}

#[test]
fn every_finish_reason_comes_back_and_times_must_be_in_order() {
    use FinishReason::{Cancelled, ContextFull, Eos, Length, Stop};
    for reason in [Eos, Length, Stop, ContextFull, Cancelled] {
        let message = proto::Finished::from(&report(reason));
        assert_eq!(GenerationReport::try_from(travelled(&message)), Ok(report(reason)));
    }
    let sound = proto::Finished::from(&report(Eos));
    for (field, wrong) in [
        ("finish_reason", proto::Finished { finish_reason: "EOS".to_owned(), ..sound.clone() }),
        ("cached_tokens", proto::Finished { cached_tokens: 10, ..sound.clone() }),
        ("prefill_start_ns", proto::Finished { prefill_start_ns: 3, ..sound.clone() }),
        ("prefill_end_ns", proto::Finished { end_ns: 0, ..sound }),
    ] {
        assert_eq!(refused(GenerationReport::try_from(wrong)), field);
    }
}

#[test]
fn replies_come_back() {
    let process = ProcessMemory { rss_bytes: 1, rss_peak_bytes: 2, anonymous_bytes: 3, file_bytes: u64::MAX };
    let breakdown = MemoryBreakdown { weights_bytes: 4, kv_bytes: 5, compute_bytes: 6 };
    let memory = EngineMemory { process, breakdown };
    assert_eq!(EngineMemory::try_from(travelled(&proto::MemoryReply::from(&memory))), Ok(memory));
    let unload = UnloadReport { unload_ms: 0.25, process };
    assert_eq!(UnloadReport::try_from(travelled(&proto::UnloadReply::from(&unload))), Ok(unload));
    let context = ContextReport { context_ms: 1.5, context: 512, memory: breakdown };
    assert_eq!(ContextReport::try_from(travelled(&proto::ContextReply::from(&context))), Ok(context));
    let load = LoadReport {
        weights_ms: 2.5,
        layers: 1,
        vocabulary: 2,
        context_train: 3,
        adds_bos: true,
        has_chat_template: false,
        system_in_user: true,
    };
    assert_eq!(LoadReport::try_from(travelled(&proto::LoadReply::from(&load))), Ok(load));
    let word = |text: &str| text.to_owned();
    let info = EngineInfo {
        name: word("a"),
        version: word("b"),
        backend: word("c"),
        compiler: word("d"),
        features: vec![word("e"), word("f")],
        profile: word("g"),
        protocol: 7,
        pid: 8,
    };
    assert_eq!(EngineInfo::try_from(travelled(&proto::HandshakeReply::from(&info))), Ok(info));
}

#[test]
fn replies_that_lie_are_refused() {
    for wrong in [f64::NAN, f64::INFINITY, -1.0] {
        assert_eq!(
            refused(LoadReport::try_from(proto::LoadReply { weights_ms: wrong, ..Default::default() })),
            "weights_ms"
        );
        let unload = proto::UnloadReply { unload_ms: wrong, process: Some(proto::ProcessMemory::default()) };
        assert_eq!(refused(UnloadReport::try_from(unload)), "unload_ms");
    }
    assert_eq!(refused(ContextReport::try_from(proto::ContextReply::default())), "context");
    assert_eq!(refused(EngineMemory::try_from(proto::MemoryReply::default())), "process");
    let long = proto::HandshakeReply { backend: "x".repeat(5000), ..Default::default() };
    assert_eq!(refused(EngineInfo::try_from(long)), "backend");
    let escape = proto::HandshakeReply { features: vec!["\u{1b}[2J".to_owned()], ..Default::default() };
    assert_eq!(refused(EngineInfo::try_from(escape)), "features");
    let many = proto::HandshakeReply { features: vec![String::new(); 5000], ..Default::default() };
    assert_eq!(refused(EngineInfo::try_from(many)), "features");
    for wrong in [f32::NAN, -0.1, 1.1] {
        assert_eq!(refused(progress_fraction(wrong)), "progress");
    }
    assert_eq!(progress_fraction(1.000_000_1), Ok(1.0));
}

#[test]
fn measurements_come_back_in_the_shape_that_was_asked_for() {
    let request = MeasureRequest {
        depth: 1,
        prefill_tokens: 2,
        decode_tokens: 2,
        repetitions: 2,
        threads: 5,
        threads_prefill: 6,
        seed: 7,
    };
    assert_eq!(MeasureRequest::try_from(travelled(&proto::MeasureRequest::from(&request))), Ok(request));
    let none = proto::MeasureRequest { repetitions: 0, ..(&request).into() };
    assert_eq!(refused(MeasureRequest::try_from(none)), "repetitions");

    let report = MeasureReport { prefill_ns: vec![1, 2], decode_ns: vec![vec![3, 4], vec![5, 6]] };
    let message = proto::MeasureReply::from(report.clone());
    assert_eq!(measure_report(travelled(&message), &request), Ok(report));
    let asked = |change: fn(&mut MeasureRequest)| {
        let mut changed = request;
        change(&mut changed);
        refused(measure_report(message.clone(), &changed))
    };
    assert_eq!(asked(|request| request.repetitions = 3), "prefill_ns");
    assert_eq!(asked(|request| request.prefill_tokens = 0), "prefill_ns");
    assert_eq!(asked(|request| request.decode_tokens = 0), "decode");
    assert_eq!(asked(|request| request.decode_tokens = 3), "step_ns");
}

#[test]
fn items_travel_in_pieces_and_come_back() {
    let item =
        |tokens: usize| ScoreItem { prefix: vec![1; tokens], continuations: vec![vec![2], vec![3, 4]] };
    let items: Vec<_> = (1..6000).map(|number| item(number % 200)).chain([item(300_000), item(1)]).collect();
    let request = ScoreRequest { items: items.clone() };
    assert_eq!(check_score(&request), Ok(()));
    let messages: Vec<_> = score_messages(request).collect();
    assert!(messages.len() > 2 && messages.iter().all(|message| message.encoded_len() < 4 << 20));
    let back = messages.iter().map(travelled).flat_map(|message| message.items).map(ScoreItem::from);
    assert!(back.eq(items));
    let too_long = ScoreRequest { items: vec![item(SCORE_ITEM_TOKENS_MAX)] };
    assert_eq!(refused(check_score(&too_long)), "items");
    assert_eq!(refused(check_score(&ScoreRequest::default())), "items");
}

#[test]
fn scores_and_refusals_come_back_and_others_are_refused() {
    let score = |logprobs: &[f64]| ContinuationScore { logprobs: logprobs.to_vec(), greedy: true };
    let request = ScoreRequest {
        items: vec![ScoreItem { prefix: vec![1], continuations: vec![vec![2], vec![3, 4]] }; 9],
    };
    let mut expectation = ScoreExpectation::of(&request);
    let outcomes = [
        Ok(vec![score(&[-0.5]), score(&[0.0, LOGPROB_MIN])]),
        Err(ScoreRefusal::EmptyPrefix),
        Err(ScoreRefusal::NoContinuations),
        Err(ScoreRefusal::EmptyContinuation { continuation: 3 }),
        Err(ScoreRefusal::TooLong { prefix_tokens: 1, continuation: 2, continuation_tokens: 3, window: 4 }),
        Err(ScoreRefusal::UnknownToken { token: 5, vocabulary: 4 }),
        Err(ScoreRefusal::Failed { reason: "because".to_owned() }),
    ];
    for (index, outcome) in (0..).zip(outcomes) {
        let item = ScoredItem { index, outcome };
        assert_eq!(expectation.accept(travelled(&item.clone().into())), Ok(item));
    }
    assert!(!expectation.is_fulfilled());
    let wrong = |index, scores: Vec<ContinuationScore>| {
        let message = ScoredItem { index, outcome: Ok(scores) }.into();
        refused(ScoreExpectation::of(&request).accept(message))
    };
    assert_eq!(wrong(1, vec![score(&[-1.0]), score(&[-1.0, -1.0])]), "index");
    assert_eq!(wrong(0, vec![score(&[-1.0])]), "logprobs");
    assert_eq!(wrong(0, vec![score(&[-1.0, -1.0]), score(&[-1.0])]), "logprobs");
    for no_logprob in [0.1, f64::NAN, f64::NEG_INFINITY] {
        assert_eq!(wrong(0, vec![score(&[no_logprob]), score(&[-1.0, -1.0])]), "logprobs");
    }
}

#[test]
fn requests_about_files_come_back_with_absolute_paths() {
    let request = PerplexityRequest {
        text: "text".to_owned(),
        context: 512,
        chunks_max: 3,
        store: Some("/a/b".into()),
        store_bytes_max: 77,
        reference: Some("/c".into()),
    };
    let message = proto::PerplexityRequest::from(request.clone());
    assert_eq!(PerplexityRequest::try_from(travelled(&message)), Ok(request.clone()));
    let relative = proto::PerplexityRequest::from(PerplexityRequest { store: Some("b".into()), ..request });
    assert!(relative.store.starts_with(b"/") && relative.store.ends_with(b"/b"));
    let request = QuantizeRequest {
        source: "/a".into(),
        target: "/b".into(),
        type_name: "q4_k_m".to_owned(),
        threads: 2,
        imatrix: Some("/c".into()),
        pure_type: true,
        allow_requantize: true,
    };
    let message = proto::QuantizeRequest::from(&request);
    assert_eq!(QuantizeRequest::try_from(travelled(&message)), Ok(request));
    let wrong = |change: fn(&mut proto::QuantizeRequest)| {
        let mut message = message.clone();
        change(&mut message);
        refused(QuantizeRequest::try_from(message))
    };
    assert_eq!(wrong(|request| request.type_name = "q 8".to_owned()), "type_name");
    assert_eq!(wrong(|request| request.threads = 5000), "threads");
    assert_eq!(wrong(|request| request.source.clear()), "path");
}

#[test]
fn chunks_come_back_and_others_are_refused() {
    let request = PerplexityRequest { context: 8, reference: Some("/r".into()), ..Default::default() };
    let divergence = ChunkDivergence { kld: vec![0.0, 1.0, 2.5], top1_agreements: 2, reference_nll: 4.0 };
    let chunk = ChunkScore {
        index: 1,
        chunks: 2,
        tokens: 3,
        nll: 5.0,
        nll_squared: 9.0,
        divergence: Some(divergence),
    };
    let message = proto::ChunkScore::from(chunk.clone());
    assert_eq!(chunk_score(travelled(&message), 1, &request), Ok(chunk));
    assert_eq!(refused(chunk_score(message.clone(), 0, &request)), "index");
    let plain = PerplexityRequest { reference: None, ..request.clone() };
    assert_eq!(refused(chunk_score(message.clone(), 1, &plain)), "divergence");
    let wrong = |change: fn(&mut proto::ChunkScore)| {
        let mut message = message.clone();
        change(&mut message);
        refused(chunk_score(message, 1, &request))
    };
    assert_eq!(wrong(|chunk| chunk.tokens = 4), "tokens");
    assert_eq!(wrong(|chunk| chunk.chunks = 1), "chunks");
    assert_eq!(wrong(|chunk| chunk.nll = f64::NAN), "nll");
    assert_eq!(wrong(|chunk| chunk.divergence = None), "divergence");
    assert_eq!(wrong(|chunk| chunk.divergence.as_mut().unwrap().kld[0] = -1.0), "kld");
    assert_eq!(wrong(|chunk| chunk.divergence.as_mut().unwrap().kld.truncate(2)), "kld");
    assert_eq!(wrong(|chunk| chunk.divergence.as_mut().unwrap().top1_agreements = 4), "top1_agreements");
}
