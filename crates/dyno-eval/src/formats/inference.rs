//! Choices that go on a passage or fill it: HellaSwag, WinoGrande, PIQA, SIQA and COPA, each put as lm-evaluation-harness puts
//! it.

use super::Format;
use super::choices::{choice, id_or, index_below};
use crate::fields::{FieldProblem, Fields, quoted};
use crate::{ChoiceStyle, Item, TextFrame};

/// Zellers et al. 2019, "HellaSwag: Can a Machine Really Finish Your Sentence?".
pub(super) const HELLASWAG: Format = Format::new(
    "hellaswag",
    "HellaSwag: how a scene goes on",
    "HellaSwag, Zellers et al. 2019",
    &["ctx|ctx_a", "endings[]", "label"],
    hellaswag,
);

/// Sakaguchi et al. 2019, "WinoGrande".
pub(super) const WINOGRANDE: Format = Format::new(
    "winogrande",
    "WinoGrande: who is meant",
    "WinoGrande, Sakaguchi et al. 2019",
    &["sentence", "option1", "option2", "answer"],
    winogrande,
);

/// Bisk et al. 2019, "PIQA: Reasoning about Physical Commonsense in Natural Language".
pub(super) const PIQA: Format = Format::new(
    "piqa",
    "PIQA: how things are done",
    "PIQA, Bisk et al. 2019",
    &["goal", "sol1", "sol2", "label"],
    piqa,
);

/// Sap et al. 2019, "SocialIQA: Commonsense Reasoning about Social Interactions".
pub(super) const SIQA: Format = Format::new(
    "siqa",
    "SIQA: why people do what they do",
    "SocialIQA, Sap et al. 2019",
    &["context", "question", "answerA", "answerB", "answerC", "label|correct"],
    siqa,
);

/// Roemmele et al. 2011, "Choice of Plausible Alternatives".
pub(super) const COPA: Format = Format::new(
    "copa",
    "COPA: causes and effects",
    "COPA, Roemmele et al. 2011",
    &["premise", "choice1", "choice2", "question", "label"],
    copa,
);

fn hellaswag(fields: &Fields<'_>, number: u64) -> Result<Item, FieldProblem> {
    let endings = fields.texts("endings")?;
    let correct = index_below(fields, "label", endings.len(), "endings")?;
    let opening = match fields.optional_text("ctx_a")? {
        Some(first) => {
            format!("{first} {}", capitalised(&fields.optional_text("ctx_b")?.unwrap_or_default()))
        }
        None => fields.text("ctx")?,
    };
    let passage = match fields.optional_text("activity_label")? {
        Some(label) => format!("{label}: {opening}"),
        None => opening,
    };
    let id = id_or(fields, "ind", "hellaswag", number)?;
    let mut item = choice(id, "hellaswag".to_owned(), ChoiceStyle::Ending, String::new());
    item.context = without_wikihow_marks(&passage);
    item.choices = endings.iter().map(|ending| without_wikihow_marks(ending)).collect();
    item.correct = Some(correct);
    item.cluster = fields.optional_text("source_id")?;
    item.category = Some("language".to_owned());
    Ok(item)
}

/// First letter large, all others small, as lm-evaluation-harness prepares these passages.
fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars.flat_map(char::to_lowercase)).collect(),
        None => String::new(),
    }
}

/// Takes the marks `[title]`, `[step]`, … out, exactly as lm-evaluation-harness does, so that scores compare: the space behind
/// a mark at the start of a text stays.
fn without_wikihow_marks(text: &str) -> String {
    let text = text.trim().replace(" [title]", ". ");
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once('[') {
        // The pattern of the original does not reach over line breaks.
        let Some((_, behind)) = after.split_once(']').filter(|(inside, _)| !inside.contains('\n')) else {
            kept.push_str(before);
            kept.push('[');
            rest = after;
            continue;
        };
        kept.push_str(before);
        rest = behind;
    }
    kept.push_str(rest);
    kept.replace("  ", " ")
}

fn winogrande(fields: &Fields<'_>, number: u64) -> Result<Item, FieldProblem> {
    let answer = fields.whole("answer")?.ok_or_else(|| FieldProblem::new("answer", "is missing"))?;
    if !(1..=2).contains(&answer) {
        return Err(FieldProblem::new("answer", format!("is {answer}, but must be 1 or 2")));
    }
    let id = id_or(fields, "qID", "winogrande", number)?;
    let mut item = choice(id, "winogrande".to_owned(), ChoiceStyle::Blank, fields.text("sentence")?);
    item.choices = vec![fields.text("option1")?, fields.text("option2")?];
    item.correct = usize::try_from(answer - 1).ok();
    item.category = Some("language".to_owned());
    // Sentences come as twins that differ in one word.
    item.cluster = item.id.rsplit_once('-').map(|(twins, _)| twins.to_owned());
    Ok(item)
}

fn piqa(fields: &Fields<'_>, number: u64) -> Result<Item, FieldProblem> {
    let id = id_or(fields, "id", "piqa", number)?;
    let mut item = choice(id, "piqa".to_owned(), ChoiceStyle::Answer, fields.text("goal")?);
    item.choices = vec![fields.text("sol1")?, fields.text("sol2")?];
    item.correct = Some(index_below(fields, "label", 2, "solutions")?);
    Ok(item)
}

fn siqa(fields: &Fields<'_>, number: u64) -> Result<Item, FieldProblem> {
    let question = format!("{} {}", fields.text("context")?, fields.text("question")?);
    let mut item =
        choice(id_or(fields, "id", "siqa", number)?, "siqa".to_owned(), ChoiceStyle::Answer, question);
    item.choices = ["answerA", "answerB", "answerC"]
        .map(|answer| fields.text(answer))
        .into_iter()
        .collect::<Result<_, _>>()?;
    // Labels count from 1; older files name the letter instead.
    let field = if fields.value("label").is_some() { "label" } else { "correct" };
    let label = fields.text(field)?;
    let index = ["1", "2", "3"].iter().position(|name| *name == label.trim());
    let index = index.or_else(|| ["A", "B", "C"].iter().position(|name| *name == label.trim()));
    let wrong = || FieldProblem::new(field, format!("is {}, but must be 1, 2 or 3", quoted(&label)));
    item.correct = Some(index.ok_or_else(wrong)?);
    item.frame = TextFrame::around("Q: ", "\nA:");
    Ok(item)
}

fn copa(fields: &Fields<'_>, number: u64) -> Result<Item, FieldProblem> {
    let asked = fields.text("question")?;
    let connector = match asked.as_str() {
        "cause" => "because",
        "effect" => "therefore",
        other => {
            return Err(FieldProblem::new(
                "question",
                format!("is {}, but must be cause or effect", quoted(other)),
            ));
        }
    };
    let premise = fields.text("premise")?;
    let mut premise = premise.trim().to_owned();
    // Its full stop goes.
    premise.pop();
    let id = id_or(fields, "idx", "copa", number)?;
    let mut item = choice(id, "copa".to_owned(), ChoiceStyle::Ending, String::new());
    item.context = format!("{premise} {connector}");
    // With a space of their own, besides the one that parts a prompt from its continuation.
    item.choices = vec![
        format!(" {}", uncapitalised(&fields.text("choice1")?)),
        format!(" {}", uncapitalised(&fields.text("choice2")?)),
    ];
    item.correct = Some(index_below(fields, "label", 2, "choices")?);
    Ok(item)
}

/// First letter small.
fn uncapitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passages_are_prepared_as_lm_evaluation_harness_does() {
        // Left: text; right: `preprocess(text)` of lm_eval/tasks/hellaswag/utils.py.
        for (text, expected) in [
            (
                "[header] How to bake [title] Heat the oven. [step] Wait.",
                " How to bake. Heat the oven. Wait.",
            ),
            ("[step] Wait. [substeps] Then go.", " Wait. Then go."),
            ("A man sits. he stands", "A man sits. he stands"),
            (" open [bracket ", "open [bracket"),
            ("a [b\nc] d [e] f", "a [b\nc] d f"),
            ("[[a] b]", " b]"),
        ] {
            assert_eq!(without_wikihow_marks(text), expected, "{text}");
        }
        assert_eq!(capitalised("he GOES"), "He goes");
        assert_eq!(capitalised(""), "");
    }
}
