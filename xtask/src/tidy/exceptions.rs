//! The ratchet: findings tolerated for now. It only ever shrinks, because an entry that no longer applies is itself a finding.

use super::Finding;

/// Removes the tolerated findings, and adds one for each entry of the list that tolerates nothing.
///
/// An entry is `RULE PATH`; lines starting with `#` are remarks.
pub(super) fn apply(findings: Vec<Finding>, file: &str, list: &str) -> Vec<Finding> {
    let entries =
        list.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let entries: Vec<(usize, &str, &str)> = entries
        .map(|(index, line)| {
            let (rule, path) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
            (index + 1, rule, path.trim())
        })
        .collect();
    let tolerated = |finding: &Finding, rule: &str, path: &str| finding.rule == rule && finding.path == path;
    let stale = entries
        .iter()
        .filter(|(_, rule, path)| !findings.iter().any(|finding| tolerated(finding, rule, path)));
    let mut rest: Vec<Finding> = stale
        .map(|(line, rule, path)| Finding {
            rule: "stale-exception",
            path: file.to_owned(),
            line: *line,
            message: format!("\"{rule} {path}\" tolerates nothing any more: remove the line"),
        })
        .collect();
    rest.extend(
        findings
            .into_iter()
            .filter(|finding| !entries.iter().any(|(_, rule, path)| tolerated(finding, rule, path))),
    );
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(rule: &'static str, path: &str) -> Finding {
        Finding { rule, path: path.to_owned(), line: 0, message: String::new() }
    }

    #[test]
    fn listed_findings_are_tolerated_and_others_are_not() {
        let rest = apply(vec![finding("a", "x.rs"), finding("b", "x.rs")], "list", "# remark\na x.rs\n");
        assert_eq!(rest, [finding("b", "x.rs")]);
    }

    #[test]
    fn an_entry_that_tolerates_nothing_is_a_finding() {
        let rest = apply(Vec::new(), "list", "\na x.rs\n");
        assert_eq!((rest[0].rule, rest[0].path.as_str(), rest[0].line), ("stale-exception", "list", 2));
    }
}
