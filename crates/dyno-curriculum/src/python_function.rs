//! Writing small Python functions out of `data/functions.toml`, with varied names, arguments and wordings.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::arithmetic::fill;
use crate::item::{Code, Item, Kind};
use crate::random::Draws;

const TASK: &str = "python_function";

/// Ways to ask; `{s}` is the signature, `{f}` the name, `{x}` the arguments, `{a}` what it does.
const FRAMES: [&str; 4] = [
    "Write a Python function {s} that {a}.",
    "Write a function {s} in Python that {a}.",
    "Write a Python function named {f} that {a}. It takes {x}.",
    "Write a Python function `{s}` that {a}.",
];

/// Asked without a name: the first name and arguments are taken, and it is never held out with tests.
const NAMELESS: [&str; 2] = ["Write a Python function that {a}.", "Write a function in Python that {a}."];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    function: Vec<Function>,
}

/// One function with its variations.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Function {
    id: String,
    names: Vec<String>,
    arguments: Vec<Vec<String>>,
    asks: Vec<String>,
    body: String,
    tests: Vec<String>,
}

/// Every function.
pub(crate) static FUNCTIONS: LazyLock<Vec<Function>> = LazyLock::new(|| {
    let file: File =
        toml::from_str(include_str!("../data/functions.toml")).expect("a test reads the committed file");
    file.function
});

/// One function to write.
pub(crate) fn python_function(draws: &mut Draws) -> Item {
    let functions: &'static [Function] = &FUNCTIONS;
    let function = draws.pick(functions);
    let ask = draws.below(function.asks.len());
    if draws.chance(0.1) {
        let frame = draws.below(NAMELESS.len());
        return function.item((NAMELESS[frame], FRAMES.len() + frame), 0, 0, ask);
    }
    let (name, arguments) = (draws.below(function.names.len()), draws.below(function.arguments.len()));
    let frame = draws.below(FRAMES.len());
    function.item((FRAMES[frame], frame), name, arguments, ask)
}

impl Function {
    fn item(&self, (frame, number): (&str, usize), name: usize, arguments: usize, ask: usize) -> Item {
        let (f, args) = (&self.names[name], &self.arguments[arguments]);
        let signature = format!("{f}({})", args.join(", "));
        let question = fill(
            frame,
            &[("{s}", &signature), ("{f}", f), ("{x}", &args.join(" and ")), ("{a}", &self.asks[ask])],
        );
        let body = fill(&self.body, &[("{x}", &args[0]), ("{y}", &args[args.len() - 1])]);
        let answer = format!("def {signature}:\n    {body}");
        let tests: Vec<String> =
            self.tests.iter().map(|test| format!("assert {}", fill(test, &[("{f}", f)]))).collect();
        let identity = format!("{TASK}/{}/{number}/{name}/{arguments}/{ask}", self.id);
        let item = Item::exact(TASK, identity, question, answer).clustered(format!("{TASK}/{}", self.id));
        let code = Code { entry_point: f.clone(), tests: tests.join("\n") };
        Item { kind: Kind::Code, free_form: true, code: (number < FRAMES.len()).then_some(code), ..item }
    }
}
