//! Multiple choice: HellaSwag, WinoGrande, TruthfulQA, ARC and MMLU.

use serde_json::Value;

use super::Format;
use crate::fields::{FieldProblem, Fields, quoted, shown};
use crate::{ChoiceStyle, Item, ItemKind};

/// Zellers et al. 2019, "HellaSwag: Can a Machine Really Finish Your Sentence?".
pub(super) const HELLASWAG: Format = Format {
    name: "hellaswag",
    title: "HellaSwag: how a scene goes on",
    source: "HellaSwag, Zellers et al. 2019",
    needs: &["ctx", "endings[]", "label"],
    columns: &[],
    by_file_name_only: false,
    convert: hellaswag,
};

/// Sakaguchi et al. 2019, "WinoGrande".
pub(super) const WINOGRANDE: Format = Format {
    name: "winogrande",
    title: "WinoGrande: who is meant",
    source: "WinoGrande, Sakaguchi et al. 2019",
    needs: &["sentence", "option1", "option2", "answer"],
    columns: &[],
    by_file_name_only: false,
    convert: winogrande,
};

/// Lin et al. 2021, "TruthfulQA", the task with one right choice.
pub(super) const TRUTHFUL_QA: Format = Format {
    name: "truthfulqa",
    title: "TruthfulQA: misconceptions, one right choice",
    source: "TruthfulQA, Lin et al. 2021",
    needs: &["question", "mc1_targets"],
    columns: &[],
    by_file_name_only: false,
    convert: truthful_qa,
};

/// Clark et al. 2018, "Think you have Solved Question Answering? Try ARC".
pub(super) const ARC: Format = Format {
    name: "arc",
    title: "ARC: school science",
    source: "ARC, Clark et al. 2018",
    needs: &["question", "answerKey"],
    columns: &[],
    by_file_name_only: false,
    convert: arc,
};

/// Hendrycks et al. 2020, "Measuring Massive Multitask Language Understanding", as a list of choices.
pub(super) const MMLU: Format = Format {
    name: "mmlu",
    title: "MMLU: exams of many subjects",
    source: "MMLU, Hendrycks et al. 2020",
    needs: &["question", "choices[]", "answer"],
    columns: &[],
    by_file_name_only: false,
    convert: mmlu,
};

/// The same with a column per choice, as its tables are published.
pub(super) const MMLU_ROWS: Format = Format {
    name: "mmlu",
    title: MMLU.title,
    source: MMLU.source,
    needs: &["question", "A", "B", "C", "D", "answer"],
    columns: &["question", "A", "B", "C", "D", "answer"],
    by_file_name_only: false,
    convert: mmlu_row,
};

fn choice(id: String, task: String, style: ChoiceStyle, question: String) -> Item {
    let mut item = Item::new(id, task, ItemKind::Choice, question);
    item.style = style;
    item.category = Some("knowledge".to_owned());
    item
}

fn id_or(fields: &Fields<'_>, field: &str, format: &str, number: u64) -> Result<String, FieldProblem> {
    Ok(fields
        .optional_text(field)?
        .filter(|id| !id.trim().is_empty())
        .unwrap_or_else(|| format!("{format}-{number}")))
}

fn hellaswag(fields: &Fields<'_>, number: u64) -> Result<Item, FieldProblem> {
    let label = fields.whole("label")?.ok_or_else(|| FieldProblem::new("label", "is missing"))?;
    let endings = fields.texts("endings")?;
    if label >= endings.len() as u64 {
        let count = endings.len();
        return Err(FieldProblem::new("label", format!("is {label}, but there are {count} endings, from 0")));
    }
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
    item.choices = endings.iter().map(|ending| without_wikihow_marks(ending).trim().to_owned()).collect();
    item.correct = usize::try_from(label).ok();
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

/// Takes the marks `[title]`, `[step]`, … out, exactly as lm-evaluation-harness does, so that scores compare.
fn without_wikihow_marks(text: &str) -> String {
    let text = text.trim().replace(" [title]", ". ");
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once('[') {
        let Some((_, behind)) = after.split_once(']') else { break };
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

fn truthful_qa(fields: &Fields<'_>, number: u64) -> Result<Item, FieldProblem> {
    let wrong = |what: String| FieldProblem::new("mc1_targets", what);
    let Some(Value::Object(targets)) = fields.value("mc1_targets") else {
        return Err(wrong("must be an object of choices and labels".to_owned()));
    };
    let inner = Fields::new(targets);
    let (choices, labels) = if targets.get("choices").is_some_and(Value::is_array) {
        (inner.texts("choices")?, inner.texts("labels")?)
    } else {
        let labels = targets.values().map(ToString::to_string).collect();
        (targets.keys().cloned().collect(), labels)
    };
    if choices.len() != labels.len() {
        return Err(wrong(format!("has {} choices but {} labels", choices.len(), labels.len())));
    }
    let right: Vec<usize> = (0..labels.len()).filter(|index| labels[*index].trim() == "1").collect();
    let [correct] = right[..] else {
        return Err(wrong(format!("marks {} choices as right, but must mark one", right.len())));
    };
    let id = format!("truthfulqa-{number}");
    let mut item = choice(id, "truthfulqa".to_owned(), ChoiceStyle::Answer, fields.text("question")?);
    item.choices = choices;
    item.correct = Some(correct);
    Ok(item)
}

fn arc(fields: &Fields<'_>, number: u64) -> Result<Item, FieldProblem> {
    let (question, listed) = match fields.value("question") {
        Some(Value::Object(inner)) => (Fields::new(inner).text("stem")?, inner.get("choices")),
        _ => (fields.text("question")?, fields.value("choices")),
    };
    let (texts, labels) = match listed {
        Some(Value::Array(entries)) => {
            let entry = |field: &'static str| {
                let texts = entries.iter().map(move |entry| match entry {
                    Value::Object(map) => Fields::new(map).text(field),
                    other => Err(FieldProblem::new("choices", format!("holds {}", shown(other)))),
                });
                texts.collect::<Result<Vec<String>, _>>()
            };
            (entry("text")?, entry("label")?)
        }
        Some(Value::Object(map)) => (Fields::new(map).texts("text")?, Fields::new(map).texts("label")?),
        _ => return Err(FieldProblem::new("choices", "is missing")),
    };
    if texts.len() != labels.len() {
        let what = format!("has {} texts but {} labels", texts.len(), labels.len());
        return Err(FieldProblem::new("choices", what));
    }
    let key = fields.text("answerKey")?;
    let correct = labels.iter().position(|label| *label == key).ok_or_else(|| {
        let what = format!("is {}, but the labels are {}", quoted(&key), labels.join(", "));
        FieldProblem::new("answerKey", what)
    })?;
    let mut item =
        choice(id_or(fields, "id", "arc", number)?, "arc".to_owned(), ChoiceStyle::Answer, question);
    item.choices = texts;
    item.correct = Some(correct);
    Ok(item)
}

fn subject(fields: &Fields<'_>) -> Result<String, FieldProblem> {
    Ok(fields
        .optional_text("subject")?
        .filter(|subject| !subject.trim().is_empty())
        .unwrap_or_else(|| "mmlu".to_owned()))
}

/// The index that a letter or a number from 0 stands for.
fn answer_index(fields: &Fields<'_>, choices: usize) -> Result<usize, FieldProblem> {
    let answer = fields.text("answer")?;
    let answer = answer.trim();
    let index = match answer.as_bytes() {
        [letter] if letter.is_ascii_alphabetic() => Some(usize::from(letter.to_ascii_uppercase() - b'A')),
        _ => answer.parse().ok(),
    };
    index.filter(|index| *index < choices).ok_or_else(|| {
        let last = crate::letter(choices.saturating_sub(1)).unwrap_or('Z');
        FieldProblem::new(
            "answer",
            format!("is {}, but must be A to {last}, or 0 to {}", quoted(answer), choices.saturating_sub(1)),
        )
    })
}

fn mmlu(fields: &Fields<'_>, number: u64) -> Result<Item, FieldProblem> {
    let choices = fields.texts("choices")?;
    let correct = answer_index(fields, choices.len())?;
    let mut item =
        choice(format!("mmlu-{number}"), subject(fields)?, ChoiceStyle::Letters, fields.text("question")?);
    item.choices = choices;
    item.correct = Some(correct);
    Ok(item)
}

fn mmlu_row(fields: &Fields<'_>, number: u64) -> Result<Item, FieldProblem> {
    let choices = ["A", "B", "C", "D"].map(|column| fields.text(column));
    let choices = choices.into_iter().collect::<Result<Vec<String>, _>>()?;
    let correct = answer_index(fields, choices.len())?;
    let mut item =
        choice(format!("mmlu-{number}"), subject(fields)?, ChoiceStyle::Letters, fields.text("question")?);
    item.choices = choices;
    item.correct = Some(correct);
    Ok(item)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passages_are_prepared_as_lm_evaluation_harness_does() {
        // Left: text; right: `preprocess(text)` of lm_eval/tasks/hellaswag/utils.py, worked out by hand.
        for (text, expected) in [
            (
                "[header] How to bake [title] Heat the oven. [step] Wait.",
                " How to bake. Heat the oven. Wait.",
            ),
            ("A man sits. he stands", "A man sits. he stands"),
            (" open [bracket ", "open [bracket"),
        ] {
            assert_eq!(without_wikihow_marks(text), expected, "{text}");
        }
        assert_eq!(capitalised("he GOES"), "He goes");
        assert_eq!(capitalised(""), "");
    }
}
