//! Lines of expressions and statements, each with what Python renders. The file beside this says by what it was made.

use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Golden {
    variables: Input,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    template: String,
    text: Option<String>,
    refused: Option<String>,
}

#[test]
fn expressions_and_statements_give_what_python_gives() {
    let golden: Golden = serde_json::from_str(include_str!("expressions.json")).unwrap();
    let Input::Map(variables) = &golden.variables else { panic!("variables are a map") };
    let variables: Vec<(&str, Input)> =
        variables.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let mut wrong = Vec::new();
    for row in &golden.rows {
        let rendered = render(&row.template, &variables);
        let agrees = match (&rendered, &row.text, &row.refused) {
            (Ok(text), Some(expected), _) => text == expected,
            (Err(Fault { reason: Reason::Refused(message), .. }), None, Some(expected)) => {
                message == expected
            }
            (Err(Fault { reason: Reason::Failed(_), .. }), None, None) => true,
            _ => false,
        };
        if !agrees {
            wrong.push(format!("{}\n  ours:   {rendered:?}\n  Python: {:?}", row.template, row.text));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), golden.rows.len(), wrong.join("\n"));
}

#[derive(Deserialize)]
struct Renderings {
    chats: Vec<Chat>,
    templates: Vec<OfTemplate>,
}

#[derive(Deserialize)]
struct Chat {
    name: String,
    variables: Input,
}

#[derive(Deserialize)]
struct OfTemplate {
    template: String,
    renderings: Vec<Rendering>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Rendering {
    Text { text: String },
    Failed { error: String, refused: bool },
}

const TEMPLATES: [(&str, &str); 8] = [
    ("deepseek-r1-distill-qwen.jinja", include_str!("templates/deepseek-r1-distill-qwen.jinja")),
    ("glm-4.6.jinja", include_str!("templates/glm-4.6.jinja")),
    ("gpt-oss.jinja", include_str!("templates/gpt-oss.jinja")),
    ("granite-3.3.jinja", include_str!("templates/granite-3.3.jinja")),
    ("mistral-nemo.jinja", include_str!("templates/mistral-nemo.jinja")),
    ("phi-3.5-mini.jinja", include_str!("templates/phi-3.5-mini.jinja")),
    ("qwen3-coder.jinja", include_str!("templates/qwen3-coder.jinja")),
    ("smollm3.jinja", include_str!("templates/smollm3.jinja")),
];

#[test]
fn templates_of_published_models_give_the_prompts_they_were_made_for() {
    let golden: Renderings = serde_json::from_str(include_str!("templates/renderings.json")).unwrap();
    assert_eq!(golden.templates.len(), TEMPLATES.len());
    for ((name, source), expected) in TEMPLATES.iter().zip(&golden.templates) {
        assert_eq!(*name, expected.template);
        assert_eq!(expected.renderings.len(), golden.chats.len());
        for (chat, expected) in golden.chats.iter().zip(&expected.renderings) {
            let Input::Map(variables) = &chat.variables else { panic!("variables are a map") };
            let variables: Vec<(&str, Input)> =
                variables.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
            let rendered = render(source, &variables);
            let case = format!("{name}, {}", chat.name);
            match expected {
                Rendering::Text { text } => assert_eq!(rendered.as_ref(), Ok(text), "{case}"),
                Rendering::Failed { error, refused: true } => {
                    assert_eq!(rendered.unwrap_err().reason, Reason::Refused(error.clone()), "{case}");
                }
                Rendering::Failed { .. } => {
                    assert!(matches!(rendered.unwrap_err().reason, Reason::Failed(_)), "{case}");
                }
            }
        }
    }
}
