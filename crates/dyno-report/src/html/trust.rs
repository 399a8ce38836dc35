//! Remarks about the trust in several records: what holds for all is said once.

use crate::html::view::Trust;
use crate::sentences::Remark;

/// Blocks of several records together: first what all have in common, then what some say beside it. Records that have nothing
/// to say are left out, and those that say the same share a block.
pub(crate) fn together(trusts: Vec<Trust>) -> Vec<Trust> {
    let common = common(&trusts);
    let alike = trusts.windows(2).all(|pair| pair[0].verdict == pair[1].verdict);
    let mut own: Vec<Trust> = Vec::new();
    for mut trust in trusts.iter().filter(|trust| trust.level != "good").cloned() {
        trust.remarks.retain(|remark| !common.contains(remark));
        let all_said = alike && !common.is_empty() && trust.remarks.is_empty();
        match own.iter_mut().find(|block| says_the_same(block, &trust)) {
            _ if all_said => {}
            Some(block) => block.record = format!("{}; {}", block.record, trust.record),
            None => own.push(trust),
        }
    }
    let first = trusts.first().filter(|_| !common.is_empty()).map(|first| Trust {
        level: if alike { first.level } else { "fair" },
        record: format!("All {}", trusts.len()),
        verdict: if alike { first.verdict } else { "This holds for all of them." },
        remarks: common,
    });
    first.into_iter().chain(own).collect()
}

/// Remarks that every one of several records has.
fn common(trusts: &[Trust]) -> Vec<Remark> {
    let [first, others @ ..] = trusts else { return Vec::new() };
    let everywhere = |remark: &&Remark| others.iter().all(|trust| trust.remarks.contains(remark));
    if others.is_empty() { Vec::new() } else { first.remarks.iter().filter(everywhere).cloned().collect() }
}

fn says_the_same(one: &Trust, other: &Trust) -> bool {
    (one.level, one.verdict, &one.remarks) == (other.level, other.verdict, &other.remarks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust(record: &str, level: &'static str, remarks: &[&str]) -> Trust {
        let remark = |text: &&str| Remark { voids: false, text: (*text).to_owned() };
        Trust {
            level,
            record: record.to_owned(),
            verdict: level,
            remarks: remarks.iter().map(remark).collect(),
        }
    }

    fn shown(trusts: Vec<Trust>) -> Vec<(String, Vec<String>)> {
        let texts =
            |trust: Trust| (trust.record, trust.remarks.into_iter().map(|remark| remark.text).collect());
        together(trusts).into_iter().map(texts).collect()
    }

    fn block(record: &str, remarks: &[&str]) -> (String, Vec<String>) {
        (record.to_owned(), remarks.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn common_remarks_are_said_once() {
        let alike = ["1", "2", "3"].map(|record| trust(record, "fair", &["random", "busy"]));
        assert_eq!(shown(alike.to_vec()), [block("All 3", &["random", "busy"])]);
        let some = vec![
            trust("1", "fair", &["random", "busy"]),
            trust("2", "fair", &["random"]),
            trust("3", "fair", &["random", "busy"]),
        ];
        assert_eq!(shown(some), [block("All 3", &["random"]), block("1; 3", &["busy"])]);
    }

    #[test]
    fn an_invalid_record_stays_named() {
        let mixed = vec![trust("1", "fair", &["random"]), trust("2", "bad", &["random"])];
        assert_eq!(shown(mixed), [block("All 2", &["random"]), block("1", &[]), block("2", &[])]);
        let one =
            vec![trust("1", "good", &[]), trust("2", "bad", &["stopped"]), trust("3", "bad", &["stopped"])];
        assert_eq!(shown(one), [block("2; 3", &["stopped"])]);
        assert!(shown(vec![trust("1", "good", &[]), trust("2", "good", &[])]).is_empty());
    }
}
