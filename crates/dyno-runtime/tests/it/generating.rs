//! Generating through a real process: text, tokens, order, several at once.

use std::time::Duration;

use dyno_engine::EngineError;
use dyno_types::{ChatMessage, FinishReason, GenerateRequest, GenerationEvent, Prompt, Sampling};
use futures::StreamExt as _;

use crate::{generate, ready, request, text};

#[tokio::test]
async fn two_generations_at_once_give_what_each_gives_alone() {
    let session = ready(0).await;
    let (one, two) = (
        request("The first prompt"),
        GenerateRequest { max_tokens: 25, ..request("Another, longer second prompt") },
    );
    let alone = [
        generate(session.as_ref(), one.clone()).await.unwrap().0,
        generate(session.as_ref(), two.clone()).await.unwrap().0,
    ];
    let (first, second) = tokio::join!(generate(session.as_ref(), one), generate(session.as_ref(), two));
    let tokens =
        |tokens: &[dyno_types::GeneratedToken]| tokens.iter().map(|token| token.token).collect::<Vec<_>>();
    assert_eq!(tokens(&first.unwrap().0), tokens(&alone[0]));
    assert_eq!(tokens(&second.unwrap().0), tokens(&alone[1]));
    assert_eq!((alone[0].len(), alone[1].len()), (40, 25));
}

#[tokio::test]
async fn a_report_counts_and_orders_its_times() {
    let session = ready(2).await;
    let (tokens, report) =
        generate(session.as_ref(), GenerateRequest { max_tokens: 5, ..request("abc") }).await.unwrap();
    assert_eq!((report.prompt_tokens, report.cached_tokens, report.generated_tokens), (4, 0, 5));
    assert_eq!(report.finish_reason, FinishReason::Length);
    let times: Vec<u64> = [report.prefill_start_ns, report.prefill_end_ns]
        .into_iter()
        .chain(tokens.iter().map(|token| token.at_ns))
        .chain([report.end_ns])
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    // Four batches after the prompt, each of which sleeps for at least 2 ms.
    assert!(report.decode_backend_ns >= 8_000_000);
}

#[tokio::test]
async fn a_dropped_stream_frees_its_sequence() {
    let session = ready(2).await;
    let endless =
        GenerateRequest { max_tokens: 100_000, prompt: Prompt::Tokens(vec![65; 500]), ..request("") };
    for _ in 0..4 {
        let mut stream = session
            .generate(GenerateRequest { prompt: Prompt::Text("on".into()), ..endless.clone() })
            .await
            .unwrap();
        assert!(matches!(stream.next().await, Some(Ok(GenerationEvent::Token(_)))));
    }
    // Both sequences would be taken for a second each if cancelling did nothing.
    let after =
        tokio::time::timeout(Duration::from_secs(20), generate(session.as_ref(), request("next"))).await;
    assert_eq!(after.unwrap().unwrap().1.generated_tokens, 40);
}

#[tokio::test]
async fn a_stop_string_cuts_the_text() {
    let session = ready(0).await;
    let free = GenerateRequest { sampling: Sampling::greedy(), ..request("to be stopped") };
    let whole = text(&generate(session.as_ref(), free.clone()).await.unwrap().0);
    let stop: String = whole.chars().skip(7).take(4).collect();
    let (tokens, report) =
        generate(session.as_ref(), GenerateRequest { stop: vec![stop.clone()], ..free }).await.unwrap();
    assert_eq!(report.finish_reason, FinishReason::Stop);
    assert_eq!(Some(text(&tokens).as_str()), whole.split(&stop).next());
}

#[tokio::test]
async fn log_probabilities_name_the_chosen_token_when_greedy() {
    let session = ready(0).await;
    let wanted = GenerateRequest { logprobs: 5, sampling: Sampling::greedy(), ..request("likely") };
    for token in generate(session.as_ref(), wanted).await.unwrap().0 {
        assert_eq!((token.top.len(), token.top[0].token), (5, token.token));
        assert!(token.logprob.is_some_and(|logprob| logprob == token.top[0].logprob && logprob <= 0.0));
    }
}

#[tokio::test]
async fn a_chat_goes_through_the_models_template() {
    let session = ready(0).await;
    let chat = vec![ChatMessage { role: "user".into(), content: "Hi".into() }];
    let rendered = "user: Hi\nassistant:";
    let as_chat = GenerateRequest { prompt: Prompt::Chat(chat), ..request("") };
    let (tokens, report) = generate(session.as_ref(), as_chat).await.unwrap();
    // BOS comes from the template's text, once.
    assert_eq!(report.prompt_tokens as usize, 1 + rendered.len());
    assert_eq!(tokens.len(), 40);
    let (as_text, _) = generate(session.as_ref(), request(rendered)).await.unwrap();
    assert_eq!(text(&tokens), text(&as_text));
}

#[tokio::test]
async fn a_chat_written_by_hand_is_the_chat_that_the_template_writes() {
    let session = ready(0).await;
    let count = async |text: &str| generate(session.as_ref(), request(text)).await.unwrap().1.prompt_tokens;
    assert_eq!(
        count("user: Hi<eos>\nassistant:").await,
        1 + "user: Hi".len() as u32 + 1 + "\nassistant:".len() as u32
    );
    // The beginning is written once, whoever writes it.
    assert_eq!(count("<bos>Hi").await, 3);
    assert_eq!(count("Hi").await, 3);
}

#[tokio::test]
async fn a_prompt_that_ends_inside_reasoning_says_so() {
    let session = ready(0).await;
    let message = |role: &str, content: &str| ChatMessage { role: role.into(), content: content.into() };
    let chat = |content: &str| Prompt::Chat(vec![message("user", content)]);
    for (prompt, mark) in [
        (Prompt::Text("2 + 2?\n<think>\n".to_owned()), Some("<think>")),
        (Prompt::Text("what is <think>?".to_owned()), None),
        // What was asked is followed by what the template writes.
        (chat("<think>"), None),
    ] {
        let asked = GenerateRequest { prompt, ..request("") };
        let (_, report) = generate(session.as_ref(), asked).await.unwrap();
        assert_eq!(report.reasoning_mark.as_deref(), mark);
    }
}

#[tokio::test]
async fn a_begun_answer_is_continued_and_not_closed() {
    let session = ready(0).await;
    let message = |role: &str, content: &str| ChatMessage { role: role.into(), content: content.into() };
    let chat = vec![message("user", "Hi"), message("assistant", " Well,")];
    let alone = session.tokenize_chat(&chat).await.unwrap();
    let as_chat = GenerateRequest { prompt: Prompt::Chat(chat), ..request("") };
    let (tokens, report) = generate(session.as_ref(), as_chat).await.unwrap();
    let rendered = "user: Hi\nassistant: Well,";
    assert_eq!((report.prompt_tokens as usize, alone.len()), (1 + rendered.len(), 1 + rendered.len()));
    let (as_text, _) = generate(session.as_ref(), request(rendered)).await.unwrap();
    assert_eq!(text(&tokens), text(&as_text));
}

#[tokio::test]
async fn taking_the_context_away_ends_generations_and_the_engine_goes_on() {
    let session = ready(2).await;
    let mut stream =
        session.generate(GenerateRequest { max_tokens: 100_000, ..request("gone") }).await.unwrap();
    assert!(matches!(stream.next().await, Some(Ok(_))));
    session.clear_context().await.unwrap();
    let last = loop {
        match stream.next().await {
            Some(Ok(GenerationEvent::Token(_))) => {}
            other => break other,
        }
    };
    assert_eq!(last, Some(Err(dyno_engine::EngineError::Cancelled)));
    generate(session.as_ref(), request("next")).await.unwrap();
}

#[tokio::test]
async fn an_empty_text_begins_with_the_beginning_of_a_sequence_alone() {
    let session = ready(0).await;
    let (_, report) = generate(session.as_ref(), request("")).await.unwrap();
    assert_eq!(report.prompt_tokens, 1);
}

#[tokio::test]
async fn the_template_of_a_file_takes_the_place_of_the_model_s_own() {
    let session = ready(0).await;
    let chat = [ChatMessage { role: "user".to_owned(), content: "Hi".to_owned() }];
    let own = session.tokenize_chat(&chat).await.unwrap();
    let file =
        |source: &str| dyno_types::TemplateFile { name: "own.jinja".to_owned(), source: source.to_owned() };
    let source = "{{ bos_token }}{% for message in messages %}[{{ message.content }}]{% endfor %}";
    session.use_template(&file(source)).await.unwrap();
    let other = session.tokenize_chat(&chat).await.unwrap();
    let text: Vec<u8> = other[1..].iter().map(|token| u8::try_from(*token).unwrap()).collect();
    assert_eq!(String::from_utf8(text).unwrap(), "[Hi]");
    assert_ne!(other, own);
    // What cannot be read names the file and the line, and changes nothing.
    for (source, told) in [("one\ntwo {% for %}", "line 2"), (" \n", "is empty")] {
        let error = session.use_template(&file(source)).await.unwrap_err();
        let EngineError::Template(reason) = &error else { panic!("{error:?}") };
        assert!(reason.starts_with("the chat template own.jinja ") && reason.contains(told), "{reason}");
    }
    assert_eq!(session.tokenize_chat(&chat).await.unwrap(), other);
}
