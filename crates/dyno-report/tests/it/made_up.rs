//! Evaluations that nobody made: plausible answers drawn from fixed chances, scored plainly, so that reports have something to show.

use dyno_types::{
    AnswerSpeed, ChoiceScore, Degeneration, DivergenceResult, EVAL_SCHEMA, EvalRecord, Footprint,
    ItemOutcome, ItemResult, PairedComparison, PerplexityResult, Rate, Sampling, Score, SuiteId, SuiteResult,
    TemplateUse, Validity,
};

use crate::fixtures::complete;

/// A linear congruential generator (Knuth's MMIX constants): the same answers every time.
struct Draw(u64);

impl Draw {
    fn below(&mut self, chance: f64) -> bool {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 11) as f64 / (1_u64 << 53) as f64) < chance
    }
}

/// How a task goes: name, items, chance of a right answer, tokens per answer.
type Task = (&'static str, u64, f64, u32);

/// Where an answer came from, for a suite of this kind.
#[derive(Clone, Copy)]
enum Kind {
    Written,
    Choices,
    Needle,
}

fn item(draw: &mut Draw, task: Task, number: u64, kind: Kind) -> ItemResult {
    let (name, _, chance, tokens_out) = task;
    let (position, length) = ((number % 10) as f64 / 10.0 + 0.05, [128, 256, 512, 1024][number as usize % 4]);
    let harder = if matches!(kind, Kind::Needle) { 0.5 * position * f64::from(length) / 1024.0 } else { 0.0 };
    let right = draw.below(chance - harder);
    let outcome = match right {
        true => ItemOutcome::Correct,
        false if draw.below(0.06) => ItemOutcome::Unparsed,
        false => ItemOutcome::Wrong,
    };
    let choice = |index: u64| ChoiceScore {
        logprob: -3.0 - index as f64,
        tokens: 4,
        bytes: 17,
        chars: 0,
        greedy: index == 0 && right,
    };
    let choices = matches!(kind, Kind::Choices);
    let placed = matches!(kind, Kind::Needle);
    let answer = format!("the answer to {name} {number} is {}", if right { 42 } else { 41 });
    ItemResult {
        id: format!("{name}-{number:04}"),
        task: name.to_owned(),
        cluster: None,
        outcome_norm: choices.then(|| outcome.clone()),
        outcome_per_char: None,
        choices: if choices { (0..4).map(choice).collect() } else { Vec::new() },
        options: if choices { 4 } else { 0 },
        extracted: (!choices && outcome != ItemOutcome::Unparsed)
            .then(|| if right { "42" } else { "41" }.to_owned()),
        answer: if choices { String::new() } else { answer },
        turns: Vec::new(),
        form: None,
        ratings: Vec::new(),
        tokens_in: 38,
        tokens_out,
        prefill_ms: if choices { 0.0 } else { 4.5 },
        decode_ms: f64::from(tokens_out) * 1.9,
        ttft_ms: (!choices).then_some(6.5),
        time_ms: (!choices).then(|| 6.5 + f64::from(tokens_out) * 1.9),
        cached: false,
        position: placed.then_some(position),
        length: placed.then_some(length),
        outcome,
    }
}

fn score(items: &[ItemResult], group: &str, metric: &str) -> Score {
    let inside = |item: &&ItemResult| group == "all" || item.task == group;
    let of = |outcome: ItemOutcome| {
        items.iter().filter(inside).filter(|item| item.outcome == outcome).count() as f64
    };
    let n = items.iter().filter(inside).count() as f64;
    let value = of(ItemOutcome::Correct) / n;
    let standard_error = (value * (1.0 - value) / n).sqrt();
    let end = |sign: f64| (value + sign * 1.96 * standard_error).clamp(0.0, 1.0);
    let options = items.iter().find(inside).map_or(0, |item| item.options);
    Score {
        metric: metric.to_owned(),
        group: group.to_owned(),
        n: n as u64,
        clusters: n as u64,
        value,
        standard_error,
        ci95: Some([end(-1.0), end(1.0)]),
        chance: (options > 0).then(|| 1.0 / f64::from(options)),
        unparsed: of(ItemOutcome::Unparsed) / n,
        tied: 0,
        failed: 0,
    }
}

fn binned(
    items: &[ItemResult],
    value: fn(&ItemResult) -> Option<f64>,
    edges: &[f64],
) -> Vec<(f64, u64, f64)> {
    let mut low = f64::NEG_INFINITY;
    let mut bins = Vec::new();
    for edge in edges {
        let inside = |item: &&ItemResult| value(item).is_some_and(|at| at > low && at <= *edge);
        let n = items.iter().filter(inside).count();
        let right = items.iter().filter(inside).filter(|item| item.outcome == ItemOutcome::Correct).count();
        if n > 0 {
            bins.push((*edge, n as u64, right as f64 / n as f64));
        }
        low = *edge;
    }
    bins
}

fn suite(name: &str, strategy: &str, seed: u64, kind: Kind, tasks: &[Task]) -> SuiteResult {
    let mut draw = Draw(seed);
    let items: Vec<ItemResult> = tasks
        .iter()
        .flat_map(|task| (0..task.1).map(move |number| (*task, number)))
        .map(|(task, number)| item(&mut draw, task, number, kind))
        .collect();
    let mut scores = vec![score(&items, "all", "accuracy")];
    if matches!(kind, Kind::Choices) {
        scores.push(score(&items, "all", "accuracy_norm"));
    }
    if tasks.len() > 1 {
        scores.extend(tasks.iter().map(|task| score(&items, task.0, "accuracy")));
    }
    let tokens_out = items.iter().map(|item| u64::from(item.tokens_out)).sum();
    let n = items.len() as u64;
    let generated = !matches!(kind, Kind::Choices);
    let degeneration = generated.then(|| Degeneration {
        repeated_4grams: 0.031,
        looping: 0.012,
        cut_off: 0.02,
        words: 11.4,
        by_position: binned(&items, |item| item.position, &[0.25, 0.5, 0.75, 1.0]),
        by_length: binned(&items, |item| item.length.map(f64::from), &[128.0, 256.0, 512.0, 1024.0]),
    });
    SuiteResult {
        suite: SuiteId {
            name: name.to_owned(),
            title: format!("The suite {name}"),
            source: "made up for the tests of reports".to_owned(),
            sha256: "5".repeat(64),
            items: n,
            refused: Vec::new(),
        },
        strategy: strategy.to_owned(),
        few_shot: 0,
        sampling: Sampling::greedy(),
        items_cached: 0,
        items,
        scores,
        unscored: Vec::new(),
        form_checks: Vec::new(),
        judge: None,
        speed: AnswerSpeed {
            tokens_out: if generated { tokens_out } else { 0 },
            items: n,
            wall_s: n as f64 * 0.04,
            decode_tps: generated.then_some(521.3),
            tokens_per_item: if generated { tokens_out as f64 / n as f64 } else { 0.0 },
        },
        speeds: Vec::new(),
        degeneration,
    }
}

/// Compares two results over the same items, without any correction.
fn compared(
    kind: &str,
    group: &str,
    (baseline, first): (&str, &SuiteResult),
    (candidate, second): (&str, &SuiteResult),
) -> PairedComparison {
    let pairs =
        first.items.iter().zip(&second.items).filter(|(item, _)| group == "all" || item.task == group);
    let right = |item: &ItemResult| item.outcome == ItemOutcome::Correct;
    let (mut n, mut gained, mut lost) = (0_u64, 0_u64, 0_u64);
    for (before, after) in pairs {
        n += 1;
        gained += u64::from(right(after) && !right(before));
        lost += u64::from(right(before) && !right(after));
    }
    let count = n as f64;
    let difference = (gained as f64 - lost as f64) / count;
    let standard_error =
        ((gained + lost) as f64 / count - difference * difference).max(0.0).sqrt() / count.sqrt();
    // The made-up test is a plain normal one: reports show p values, they do not make them.
    let z = if standard_error > 0.0 { (difference / standard_error).abs() } else { 0.0 };
    let p_value = (-0.717 * z - 0.416 * z * z).exp();
    PairedComparison {
        kind: kind.to_owned(),
        suite: first.suite.name.clone(),
        group: group.to_owned(),
        baseline: baseline.to_owned(),
        candidate: candidate.to_owned(),
        n,
        gained,
        lost,
        difference,
        ci95: [difference - 1.96 * standard_error, difference + 1.96 * standard_error],
        p_value,
        p_adjusted: (p_value * 3.0).min(1.0),
    }
}

const SINGLE: [Task; 6] = [
    ("addition", 60, 0.97, 9),
    ("comparison", 40, 0.99, 6),
    ("sorting", 40, 0.88, 14),
    ("reversal", 40, 0.84, 11),
    ("capitals", 40, 0.93, 5),
    ("calendar", 40, 0.79, 9),
];

/// A small model: single steps, several steps asked for in three ways, choices, a needle, perplexity.
pub(crate) fn micro() -> EvalRecord {
    let multi = |strategy: &str, chance: f64, tokens: u32| {
        suite(
            "heldout-multi",
            strategy,
            11,
            Kind::Written,
            &[("sums", 120, chance, tokens), ("word-problems", 80, chance - 0.1, tokens + 9)],
        )
    };
    let (direct, steps, brief) =
        (multi("direct", 0.31, 8), multi("steps", 0.86, 47), multi("brief", 0.33, 6));
    let against = |candidate: &str, result: &SuiteResult| {
        ["all", "sums", "word-problems"]
            .map(|group| compared("strategy", group, ("direct", &direct), (candidate, result)))
    };
    let comparisons = [against("steps", &steps), against("brief", &brief)].concat();
    let mut record = blank("q8_0", 6_400_000);
    record.suites = vec![
        suite("heldout-single", "direct", 7, Kind::Written, &SINGLE),
        direct,
        steps,
        brief,
        suite("hellaswag", "likelihood", 5, Kind::Choices, &[("hellaswag", 200, 0.27, 4)]),
        suite("needle", "direct", 3, Kind::Needle, &[("needle", 160, 0.98, 7)]),
    ];
    record.comparisons = comparisons;
    record
}

/// The same model, quantized: sizes shrink, answers suffer.
pub(crate) fn quantizations() -> Vec<EvalRecord> {
    let variants = [
        ("f16", 11_900_000, 0.0, 8.412, 0.0, 0.0),
        ("q8_0", 6_400_000, 0.002, 8.415, 0.0011, 0.996),
        ("q5_k_m", 4_500_000, 0.01, 8.46, 0.012, 0.971),
        ("q4_k_m", 3_900_000, 0.035, 8.71, 0.039, 0.934),
        ("q4_0", 3_700_000, 0.11, 9.63, 0.121, 0.871),
    ];
    let tasks = |loss: f64| SINGLE.map(|(name, n, chance, tokens)| (name, n, chance - loss, tokens));
    let original = suite("heldout-single", "direct", 7, Kind::Written, &tasks(0.0));
    let variant =
        |(index, (label, bytes, loss, ppl, kld, agree)): (usize, (&str, u64, f64, f64, f64, f64))| {
            let mut record = blank(label, bytes);
            let mut result = suite("heldout-single", "direct", 7, Kind::Written, &tasks(loss));
            result.speed.decode_tps = Some(400.0 + 90.0 * index as f64);
            if index > 0 {
                record.comparisons =
                    vec![compared("quantization", "all", ("f16", &original), (label, &result))];
                record.divergence = Some(DivergenceResult {
                    reference: "micro f16".to_owned(),
                    text: "heldout-text".to_owned(),
                    tokens: 12_288,
                    kld_mean: kld,
                    kld_standard_error: kld / 20.0,
                    kld_p999: Some(kld * 30.0),
                    top1_agree: agree,
                    top1_standard_error: 0.003,
                });
            }
            record.perplexity = record.perplexity.map(|result| PerplexityResult { ppl, ..result });
            record.suites = vec![result];
            let decode_tps = Some(Rate {
                tps: 400.0 + 90.0 * index as f64,
                ci95: Some([390.0, 410.0 + 90.0 * index as f64]),
            });
            let rss_peak_bytes = Some(bytes + 21_000_000);
            record.footprint = Some(Footprint { rss_peak_bytes, decode_tps, ..Footprint::default() });
            record
        };
    variants.into_iter().enumerate().map(variant).collect()
}

/// Everything an evaluation can say in words, replaced by something a page, terminal or spreadsheet would act on.
pub(crate) fn hostile_eval() -> EvalRecord {
    let attack = "=<script>alert(1)</script>\"'&|`\u{1b}[2J\u{202e}\r\n</style></svg><img src=x onerror=alert(2)>{{ 7*7 }}";
    let mut record = micro();
    record.divergence = quantizations()[2].divergence.clone();
    for text in [
        &mut record.id,
        &mut record.model_sha256,
        &mut record.model.file_name,
        &mut record.model.quantization,
        &mut record.engine.backend,
        &mut record.template.name,
        &mut record.schema,
    ] {
        *text = attack.to_owned();
    }
    record.template.own = false;
    record.notes = vec![attack.to_owned()];
    for result in &mut record.suites {
        for text in
            [&mut result.suite.name, &mut result.suite.source, &mut result.suite.sha256, &mut result.strategy]
        {
            *text = attack.to_owned();
        }
        result.suite.refused = vec![attack.to_owned()];
        for item in &mut result.items {
            item.outcome = ItemOutcome::Failed { reason: attack.to_owned() };
            (item.id, item.task, item.answer) = (attack.to_owned(), attack.to_owned(), attack.to_owned());
            item.extracted = Some(attack.to_owned());
        }
        result.scores.iter_mut().skip(1).for_each(|score| {
            (score.group, score.metric) = (attack.to_owned(), attack.to_owned());
        });
    }
    for one in &mut record.comparisons {
        (one.suite, one.baseline, one.candidate) = (attack.to_owned(), attack.to_owned(), attack.to_owned());
    }
    for text in
        [&mut record.perplexity.as_mut().unwrap().text, &mut record.divergence.as_mut().unwrap().reference]
    {
        *text = attack.to_owned();
    }
    record
}

fn blank(quantization: &str, file_bytes: u64) -> EvalRecord {
    let run = complete();
    let mut model = run.model.clone();
    model.name = Some("micro".to_owned());
    model.reference = format!("models/micro-{quantization}.gguf");
    model.file_name = format!("micro-{quantization}.gguf");
    (model.quantization, model.file_bytes) = (quantization.to_owned(), file_bytes);
    (model.parameters, model.synthetic, model.has_chat_template) = (5_900_000, false, true);
    EvalRecord {
        schema: EVAL_SCHEMA.to_owned(),
        id: format!("20261121-093011204-{:04x}", file_bytes % 65_536),
        started_unix_ms: 1_795_253_411_204,
        ended_unix_ms: 1_795_253_489_872,
        tool: run.tool,
        machine: run.machine,
        machine_fingerprint: run.machine_fingerprint,
        model,
        model_sha256: "a1".repeat(32),
        engine: run.engine,
        thread_choice: Some(dyno_types::ThreadChoice::Usable),
        engine_settings: run.settings.engine,
        template: TemplateUse { name: "model".to_owned(), own: true, system_in_user: false },
        suites: Vec::new(),
        comparisons: Vec::new(),
        judged_pairs: Vec::new(),
        perplexity: Some(PerplexityResult {
            text: "heldout-text".to_owned(),
            sha256: "7".repeat(64),
            context: 512,
            chunks: 24,
            tokens: 12_288,
            ppl: 8.415,
            standard_error: 0.121,
        }),
        divergence: None,
        footprint: None,
        together: Vec::new(),
        validity: Validity { valid: true, ..Validity::default() },
        notes: vec!["These figures are made up, for the tests of reports.".to_owned()],
    }
}
