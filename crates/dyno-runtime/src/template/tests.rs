//! Chat templates: real ones, missing ones, hostile ones.

use std::time::Duration;

use super::*;

const CHATML: &str = "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

const LLAMA_3: &str = "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}";

/// The shape of Llama 3.1 and later: date, trimming markers, `is defined` tests, a namespace of its own defaults.
const LLAMA_3_1: &str = r#"{{- bos_token }}
{%- if custom_tools is defined %}
    {%- set tools = custom_tools %}
{%- endif %}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}

{#- This block extracts the system message, so we can slot it into the right place. #}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}

{{- "<|start_header_id|>system<|end_header_id|>\n\n" }}
{%- if tools is not none %}
    {{- "Environment: ipython\n" }}
{%- endif %}
{{- "Cutting Knowledge Date: December 2023\n" }}
{{- "Today Date: " + date_string + "\n\n" }}
{{- system_message }}
{{- "<|eot_id|>" }}

{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
{%- endif %}
"#;

const MISTRAL: &str = "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token}}{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}";

const GEMMA: &str = "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}";

/// Indented blocks on lines of their own: `trim_blocks` and `lstrip_blocks` must remove them entirely.
const BLOCK_LINES: &str = "{% for message in messages %}\n    {% if message.role == 'user' %}\nQ: {{ message.content }}\n    {% else %}\nA: {{ message.content }}\n    {% endif %}\n{% endfor %}\nA:\n";

fn chat(messages: &[(&str, &str)]) -> Vec<ChatMessage> {
    let message = |(role, content): &(&str, &str)| ChatMessage {
        role: (*role).to_owned(),
        content: (*content).to_owned(),
    };
    messages.iter().map(message).collect()
}

fn render(source: &str, messages: &[(&str, &str)]) -> Result<String, TemplateError> {
    let template = ChatTemplate::compile(source, "<s>".to_owned(), "</s>".to_owned())?;
    // 2024-02-29 12:00:00 UTC.
    template.render(&chat(messages), SystemTime::UNIX_EPOCH + Duration::from_secs(1_709_208_000))
}

#[test]
fn known_templates_give_the_known_prompts() {
    let turns = [("user", "Hi"), ("assistant", "Hello!"), ("user", " What is 2<3? ")];
    let cases = [
        (
            CHATML,
            "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello!<|im_end|>\n<|im_start|>user\n What is 2<3? <|im_end|>\n<|im_start|>assistant\n",
        ),
        (
            LLAMA_3,
            "<s><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nHello!<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nWhat is 2<3?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        ),
        (
            LLAMA_3_1,
            "<s><|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\nToday Date: 29 Feb 2024\n\n<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nHello!<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nWhat is 2<3?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        ),
        (MISTRAL, "<s>[INST] Hi [/INST]Hello!</s>[INST]  What is 2<3?  [/INST]"),
        (
            GEMMA,
            "<s><start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\nHello!<end_of_turn>\n<start_of_turn>user\nWhat is 2<3?<end_of_turn>\n<start_of_turn>model\n",
        ),
        (BLOCK_LINES, "Q: Hi\nA: Hello!\nQ:  What is 2<3? \nA:"),
    ];
    for (source, expected) in cases {
        assert_eq!(render(source, &turns).unwrap(), expected, "{source}");
    }
}

#[test]
fn a_system_message_goes_where_the_template_puts_it() {
    let turns = [("system", "Be brief. "), ("user", "Hi")];
    assert!(render(LLAMA_3_1, &turns).unwrap().contains("29 Feb 2024\n\nBe brief.<|eot_id|>"));
    assert!(render(CHATML, &turns).unwrap().starts_with("<|im_start|>system\nBe brief. <|im_end|>\n"));
}

#[test]
fn a_template_that_refuses_a_chat_says_why() {
    let refused = render(GEMMA, &[("user", "x"), ("user", "y")]);
    let Err(TemplateError::Refused(reason)) = refused else { panic!("{refused:?}") };
    assert!(reason.contains("alternate"), "{reason}");
}

#[test]
fn a_system_message_that_a_template_does_not_take_goes_in_front_of_the_first_question() {
    let takes_none = |source: &str| {
        ChatTemplate::compile(source, "<s>".to_owned(), "</s>".to_owned()).unwrap().system_in_user()
    };
    // It fails, and it leaves the message out.
    let fails =
        "{% for m in messages %}{{ {'user': 'U', 'assistant': 'A'}[m.role] + m.content }}{% endfor %}";
    let drops = "{% for m in messages %}{% if m.role != 'system' %}{{ m.content }};{% endif %}{% endfor %}";
    let refuses = "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}{{ messages[-1].content }}";
    for source in [GEMMA, fails, drops, refuses] {
        assert!(takes_none(source), "{source}");
    }
    let endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}";
    // The last one leaves everything out: another place for the text would not help.
    for source in [CHATML, LLAMA_3, LLAMA_3_1, BLOCK_LINES, endless, "Hello!"] {
        assert!(!takes_none(source), "{source}");
    }
    let turns = [("user", "Hi"), ("assistant", "Hello!"), ("user", "And?")];
    let with =
        |system: &[(&'static str, &'static str)]| render(GEMMA, &[system, &turns[..]].concat()).unwrap();
    let question = "<s><start_of_turn>user\nHi<end_of_turn>";
    assert!(with(&[]).starts_with(question));
    let begun = |text: &str| question.replace("Hi", &format!("{text}\n\nHi"));
    assert!(
        with(&[("system", "Be brief.")]).starts_with(&begun("Be brief.")),
        "{}",
        with(&[("system", "Be brief.")])
    );
    assert!(
        with(&[("system", "Be brief."), ("system", "Be kind.")]).starts_with(&begun("Be brief.\n\nBe kind."))
    );
    assert!(render(GEMMA, &[("system", "Be brief.")]).unwrap().contains("user\nBe brief.<end_of_turn>"));
}

#[test]
fn a_template_that_leaves_the_question_out_is_refused() {
    for source in ["", "  \n", "Hello!", "{{ bos_token }}", "{% for m in messages %}{{ m.text }}{% endfor %}"]
    {
        assert_eq!(render(source, &[("user", "What is it?")]), Err(TemplateError::Dropped), "{source:?}");
    }
    // Templates may cut and trim, and an empty question cannot be left out.
    assert!(render("{{ messages[0].content.split()[-1] }}", &[("user", "What is it?")]).is_ok());
    assert!(render("Hello!", &[("user", " ")]).is_ok());
    assert!(!is_template(" \n") && is_template("{{ x }}"));
}

#[test]
fn hostile_templates_end_in_an_error() {
    let endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}";
    let huge = "{% for a in range(1000) %}{{ 'x' * 1000000 }}{% endfor %}";
    let enormous = "{{ 'x' * 99999999999 }}";
    let recursive = "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}";
    let doubling =
        "{% set ns = namespace(x='xx') %}{% for a in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}";
    for source in [endless, huge, enormous, recursive, doubling] {
        let outcome = render(source, &[("user", "Hi")]);
        assert!(matches!(outcome, Err(TemplateError::Limit(_))), "{source}: {outcome:?}");
    }
    for source in ["{% include '/etc/passwd' %}", "{% include 'chat' %}"] {
        let outcome = render(source, &[("user", "Hi")]);
        assert!(matches!(outcome, Err(TemplateError::Source(_))), "{source}: {outcome:?}");
    }
    let outcome = render("{{ messages[9].content.x }}", &[("user", "Hi")]);
    assert!(matches!(outcome, Err(TemplateError::Render(_))), "{outcome:?}");
}

#[test]
fn a_host_ends_a_rendering_that_takes_too_long() {
    let long_ago = Instant::now().checked_sub(TIME_MAX * 2).expect("the machine runs for longer");
    let host = Clocks { now: SystemTime::UNIX_EPOCH, begun: long_ago };
    assert!(host.out_of_time().is_some_and(|reason| reason.contains("10 s")));
    let host = Clocks { now: SystemTime::UNIX_EPOCH, begun: Instant::now() };
    assert_eq!(host.out_of_time(), None);
    assert_eq!(host.strftime_now("%d %b %Y"), Ok("01 Jan 1970".to_owned()));
    assert!(host.strftime_now("%").is_err());
}

#[test]
fn broken_sources_are_refused_when_compiled() {
    let deep = "{% if a %}".repeat(100_000);
    for source in ["{% for %}", "{{ unclosed", deep.as_str(), &"x".repeat(TEMPLATE_BYTES_MAX + 1)] {
        let outcome = ChatTemplate::compile(source, String::new(), String::new());
        assert!(matches!(outcome, Err(TemplateError::Source(_))), "{:.40}", source);
    }
}
